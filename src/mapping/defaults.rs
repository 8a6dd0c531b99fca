//! The default mapping of people, made from the headers of a common HR export.

use super::builder::Mapping;
use super::headers::{HeaderMapping, NotMapped, Recognised, list, sort};
use crate::expr::quote;
use crate::model::{Name, Record, Value};

/// What is recognised for each target attribute, the better name first. Compared without case, blanks, `_`, `-` and `.`.
#[rustfmt::skip]
const ATTRIBUTES: Recognised = &[
    ("employeeId", &["employeeId", "workerId", "employeeNumber", "employeeNo", "personnelNumber", "staffId"]),
    ("givenName", &["givenName", "firstName", "forename", "preferredFirstName"]),
    ("surname", &["surname", "lastName", "familyName", "sn", "preferredLastName"]),
    ("displayName", &["displayName", "fullName", "name"]),
    ("userPrincipalName", &["userPrincipalName", "upn"]),
    ("mailNickname", &["mailNickname", "mailAlias", "alias"]),
    ("accountEnabled", &["accountEnabled", "workerStatus", "employeeStatus", "employmentStatus", "status", "active", "isActive", "enabled"]),
    ("employeeType", &["employeeType", "workerType", "employmentType"]),
    ("department", &["department", "departmentName", "dept"]),
    ("companyName", &["companyName", "company", "legalEntity"]),
    ("jobTitle", &["jobTitle", "title", "position", "businessTitle"]),
    ("employeeOrgData.division", &["division", "employeeOrgData.division"]),
    ("employeeOrgData.costCenter", &["costCenter", "costCentre", "employeeOrgData.costCenter"]),
    ("officeLocation", &["officeLocation", "office", "location"]),
    ("streetAddress", &["streetAddress", "street", "address"]),
    ("city", &["city", "town"]),
    ("state", &["state", "province", "stateProvince", "stateOrProvince"]),
    ("postalCode", &["postalCode", "zipCode", "zip", "postCode"]),
    ("country", &["country", "countryName", "countryOrRegion"]),
    ("usageLocation", &["usageLocation", "countryCode"]),
    ("businessPhones", &["businessPhones", "businessPhone", "officePhone", "workPhone", "telephoneNumber"]),
    ("mobilePhone", &["mobilePhone", "mobile", "cellPhone", "mobileNumber"]),
    ("mail", &["mail", "email", "emailAddress", "workEmail"]),
    ("preferredLanguage", &["preferredLanguage", "language"]),
    ("manager", &["managerId", "supervisorId", "manager", "supervisor", "reportsTo"]),
    ("skuId", &["skuId", "skuIds", "sku", "skus", "licenseId", "license", "licence", "licenses", "licences"]),
    ("disabledPlans", &["disabledPlans", "disabledServicePlans"]),
    ("otherMails", &["otherMails", "otherMail", "alternateEmail", "alternateEmails", "personalEmail", "secondaryEmail"]),
    ("faxNumber", &["faxNumber", "fax", "businessFax"]),
    ("preferredDataLocation", &["preferredDataLocation", "dataLocation"]),
    ("onPremisesImmutableId", &["onPremisesImmutableId", "immutableId", "sourceAnchor"]),
    ("resetPassword", &["resetPassword", "forcePasswordChange", "mustChangePassword"]),
    ("passwordPolicies", &["passwordPolicies", "passwordPolicy"]),
    ("userType", &["userType"]),
    ("ageGroup", &["ageGroup"]),
    ("consentProvidedForMinor", &["consentProvidedForMinor", "minorConsent"]),
    ("onPremisesExtensionAttributes.extensionAttribute1", &["extensionAttribute1", "customAttribute1", "onPremisesExtensionAttributes.extensionAttribute1"]),
    ("onPremisesExtensionAttributes.extensionAttribute2", &["extensionAttribute2", "customAttribute2", "onPremisesExtensionAttributes.extensionAttribute2"]),
    ("onPremisesExtensionAttributes.extensionAttribute3", &["extensionAttribute3", "customAttribute3", "onPremisesExtensionAttributes.extensionAttribute3"]),
    ("onPremisesExtensionAttributes.extensionAttribute4", &["extensionAttribute4", "customAttribute4", "onPremisesExtensionAttributes.extensionAttribute4"]),
    ("onPremisesExtensionAttributes.extensionAttribute5", &["extensionAttribute5", "customAttribute5", "onPremisesExtensionAttributes.extensionAttribute5"]),
    ("onPremisesExtensionAttributes.extensionAttribute6", &["extensionAttribute6", "customAttribute6", "onPremisesExtensionAttributes.extensionAttribute6"]),
    ("onPremisesExtensionAttributes.extensionAttribute7", &["extensionAttribute7", "customAttribute7", "onPremisesExtensionAttributes.extensionAttribute7"]),
    ("onPremisesExtensionAttributes.extensionAttribute8", &["extensionAttribute8", "customAttribute8", "onPremisesExtensionAttributes.extensionAttribute8"]),
    ("onPremisesExtensionAttributes.extensionAttribute9", &["extensionAttribute9", "customAttribute9", "onPremisesExtensionAttributes.extensionAttribute9"]),
    ("onPremisesExtensionAttributes.extensionAttribute10", &["extensionAttribute10", "customAttribute10", "onPremisesExtensionAttributes.extensionAttribute10"]),
    ("onPremisesExtensionAttributes.extensionAttribute11", &["extensionAttribute11", "customAttribute11", "onPremisesExtensionAttributes.extensionAttribute11"]),
    ("onPremisesExtensionAttributes.extensionAttribute12", &["extensionAttribute12", "customAttribute12", "onPremisesExtensionAttributes.extensionAttribute12"]),
    ("onPremisesExtensionAttributes.extensionAttribute13", &["extensionAttribute13", "customAttribute13", "onPremisesExtensionAttributes.extensionAttribute13"]),
    ("onPremisesExtensionAttributes.extensionAttribute14", &["extensionAttribute14", "customAttribute14", "onPremisesExtensionAttributes.extensionAttribute14"]),
    ("onPremisesExtensionAttributes.extensionAttribute15", &["extensionAttribute15", "customAttribute15", "onPremisesExtensionAttributes.extensionAttribute15"]),
];

/// What is recognised and cannot be mapped, and why.
#[rustfmt::skip]
const NOT_MAPPED: NotMapped = &[
    (&["hireDate", "employeeHireDate", "startDate"],
     "employeeHireDate cannot be written by an application"),
];

/// ASCII characters that no user principal name may hold, beside the blank. `"` and `\` are escaped for an expression.
const ILLEGAL: &[&str] = &[
    "@", "(", ")", ",", "\\\"", ";", ":", "/", "\\\\", "|", "[", "]", "{", "}", "<", ">", "=", "+", "*", "?", "&", "%",
    "$", "`", "´", "\t", "\u{A0}",
];

impl Mapping {
    /// The default mapping of people, from the headers of a table such as an HR export: all that an application can write
    /// to a user of Entra. For a value of your own add it with [`constant`](Mapping::constant).
    ///
    /// A header is recognised by its name, without regard to case, blanks, `_`, `-` and `.`:
    ///
    /// | target attribute | headers |
    /// | --- | --- |
    /// | `employeeId` | employeeId, workerId, employeeNumber, employeeNo, personnelNumber, staffId |
    /// | `givenName` | givenName, firstName, forename, preferredFirstName |
    /// | `surname` | surname, lastName, familyName, sn, preferredLastName |
    /// | `displayName` | displayName, fullName, name; else the given name and the surname |
    /// | `userPrincipalName` | userPrincipalName, upn; else the local part, `@` and `%Domain%` |
    /// | `mailNickname` | mailNickname, mailAlias, alias; else the local part |
    /// | `accountEnabled` | accountEnabled, workerStatus, employeeStatus, employmentStatus, status, active, isActive, enabled |
    /// | `employeeType` | employeeType, workerType, employmentType |
    /// | `department` | department, departmentName, dept |
    /// | `companyName` | companyName, company, legalEntity |
    /// | `jobTitle` | jobTitle, title, position, businessTitle |
    /// | `employeeOrgData.division` | division |
    /// | `employeeOrgData.costCenter` | costCenter, costCentre |
    /// | `officeLocation` | officeLocation, office, location |
    /// | `streetAddress` | streetAddress, street, address |
    /// | `city` | city, town |
    /// | `state` | state, province, stateProvince, stateOrProvince |
    /// | `postalCode` | postalCode, zipCode, zip, postCode |
    /// | `country` | country, countryName, countryOrRegion |
    /// | `usageLocation` | usageLocation, countryCode |
    /// | `businessPhones` | businessPhones, businessPhone, officePhone, workPhone, telephoneNumber |
    /// | `mobilePhone` | mobilePhone, mobile, cellPhone, mobileNumber |
    /// | `mail` | mail, email, emailAddress, workEmail |
    /// | `preferredLanguage` | preferredLanguage, language |
    /// | `manager` | managerId, supervisorId, manager, supervisor, reportsTo |
    /// | `skuId` | skuId, skuIds, sku, skus, licenseId, license, licence, licenses, licences |
    /// | `disabledPlans` | disabledPlans, disabledServicePlans |
    /// | `otherMails` | otherMails, otherMail, alternateEmail, alternateEmails, personalEmail, secondaryEmail |
    /// | `faxNumber` | faxNumber, fax, businessFax |
    /// | `preferredDataLocation` | preferredDataLocation, dataLocation |
    /// | `onPremisesImmutableId` | onPremisesImmutableId, immutableId, sourceAnchor |
    /// | `resetPassword` | resetPassword, forcePasswordChange, mustChangePassword |
    /// | `passwordPolicies` | passwordPolicies, passwordPolicy |
    /// | `userType` | userType |
    /// | `ageGroup` | ageGroup |
    /// | `consentProvidedForMinor` | consentProvidedForMinor, minorConsent |
    /// | `onPremisesExtensionAttributes.extensionAttribute1` to `15` | extensionAttribute1, customAttribute1 … |
    /// | not mapped: not writable | hireDate, employeeHireDate, startDate |
    ///
    /// Of several headers for one attribute the one named first in the table is mapped.
    ///
    /// - The *local part* is `given.surname` in lower case and without diacritics, blanks and the ASCII characters that
    ///   [no user principal name may hold]; an apostrophe stays. Letters of other scripts stay too, and are refused when
    ///   the plan is made. It is not made unique. Without these two it comes from the display name, without that from the
    ///   user principal name, less `@` and `%Domain%`.
    /// - A header of more than 100 characters, or with a blank at its begin or end, is not recognised.
    /// - `userPrincipalName` and `mailNickname` follow a changed name; the guard on renames looks at it.
    /// - `accountEnabled` is true for active, true, 1, yes, enabled, false for inactive, terminated, false, 0, no,
    ///   disabled, leaver, in any case; a blank says nothing, and any other word is a problem of that person.
    /// - `manager` is the id of the manager's own row.
    /// - `skuId` and `disabledPlans` hold products and the plans left out of them, by id or name, and `otherMails` further
    ///   addresses; several in one cell are separated by `;` or `,`. A blank cell says that there are none.
    /// - Everybody who is created gets a generated password.
    /// - Existing people are looked for by `employeeId`, then by `userPrincipalName`, as far as these are mapped.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::Mapping;
    ///
    /// let made = Mapping::from_headers(&["Employee ID", "First Name", "Last Name", "Hire Date", "Shoe size"]);
    /// assert_eq!(made.recognised[0], ("Employee ID".to_owned(), "employeeId".into()));
    /// assert_eq!(made.not_mapped[0].0, "Hire Date");
    /// assert_eq!(made.unrecognised, ["Shoe size"]);
    /// println!("{}", made.mapping);
    /// ```
    ///
    /// [no user principal name may hold]: https://learn.microsoft.com/graph/api/resources/user#properties
    pub fn from_headers<H: AsRef<str>>(headers: &[H]) -> HeaderMapping {
        let sorted = sort(headers, ATTRIBUTES, NOT_MAPPED);
        let mut mapping = Mapping::users().named("people");
        for (target, header) in &sorted.recognised {
            mapping = match target.as_str() {
                "accountEnabled" => worker_status(mapping, header),
                "skuId" | "disabledPlans" | "otherMails" => list(mapping, target, header),
                _ => mapping.attribute(target, header.as_str()),
            };
        }
        let column = |target: &str| sorted.header(target).map(|header| format!("[{header}]"));
        let names: Vec<String> = ["givenName", "surname"].into_iter().filter_map(column).collect();
        let names = (!names.is_empty()).then(|| names.join(", "));
        let full_name = column("displayName");
        let principal_name = column("userPrincipalName");
        if let (None, Some(names)) = (&full_name, &names) {
            mapping = derived(mapping, "displayName", &format!("Coalesce(Join(\" \", {names}), NULL)"));
        }
        let local = match (&names, &full_name, &principal_name) {
            (Some(names), ..) => Some(format!("Join(\".\", {names})")),
            (None, Some(name), _) => Some(format!("Replace({name}, \" \", , , \".\")")),
            (None, None, Some(name)) => Some(format!("Replace({name}, Append(\"@\", %Domain%), , , \"\")")),
            (None, None, None) => None,
        };
        if let Some(local) = local.map(|local| local_part(&local)) {
            if principal_name.is_none() {
                let expression = format!("Append({local}, Append(\"@\", %Domain%))");
                mapping = derived(mapping, "userPrincipalName", &expression);
            }
            if column("mailNickname").is_none() {
                mapping = derived(mapping, "mailNickname", &local);
            }
        }
        for target in ["employeeId", "userPrincipalName"] {
            if mapping.rules.iter().any(|(own, _)| own == target) {
                mapping = mapping.match_on(target);
            }
        }
        sorted.into_mapping(mapping.generate_password())
    }
}

fn derived(mapping: Mapping, target: &'static str, expression: &str) -> Mapping {
    mapping
        .expression(Name::from_static(target), expression)
        .expect("a recognised header is short and holds letters and separators only, so the expression parses")
}

/// What may stand before the `@`, or null if nothing is left.
fn local_part(raw: &str) -> String {
    let mut text = format!("ToLower(NormalizeDiacritics(StripSpaces({raw})))");
    let replace = |text: &str, old: &str, new: &str| format!("Replace({text}, \"{old}\", , , \"{new}\")");
    text = replace(&text, "’", "'");
    for character in ILLEGAL {
        text = replace(&text, character, "");
    }
    // Each pass halves a run of full stops; sixteen become one.
    for _ in 0..4 {
        text = replace(&text, "..", ".");
    }
    // No full stop at either end. An `@`, of which none is left, marks the ends.
    text = format!("Append(Append(\"@\", {text}), \"@\")");
    for (old, new) in [("@.", "@"), (".@", "@"), ("@", "")] {
        text = replace(&text, old, new);
    }
    format!("Coalesce({text}, NULL)")
}

fn worker_status(mapping: Mapping, header: &str) -> Mapping {
    let attribute = Name::from(header);
    let reads = attribute.clone();
    mapping
        .closure("accountEnabled", "worker-status", 1, move |record: &Record| {
            record.get(&attribute).map_or(Ok(None), |value| is_active(&attribute, value))
        })
        .reads("accountEnabled", [reads])
}

fn is_active(attribute: &str, value: &Value) -> Result<Option<Value>, String> {
    const ACTIVE: &[&str] = &["active", "true", "1", "yes", "enabled"];
    const INACTIVE: &[&str] = &["inactive", "terminated", "false", "0", "no", "disabled", "leaver"];
    if value.is_blank() {
        return Ok(None);
    }
    let text = value.to_string();
    let is = |word: &&str| text.trim().eq_ignore_ascii_case(word);
    if ACTIVE.iter().any(is) {
        return Ok(Some(Value::Bool(true)));
    }
    if INACTIVE.iter().any(is) {
        return Ok(Some(Value::Bool(false)));
    }
    Err(format!(
        "{attribute} is {}, which is none of {} (active) or {} (inactive)",
        quote(&text),
        ACTIVE.join(", "),
        INACTIVE.join(", ")
    ))
}
