//! Every attribute of a user against Microsoft's tables: what of it a `$filter` may ask, and what answers show.

use serde_json::{Value, json};

use super::{Client, ada, tenant, with};

/// One row of the list of attributes.
struct Row {
    name: String,
    kind: String,
    is_default: bool,
    filterable: String,
}

fn rows() -> Vec<Row> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/user-attributes.csv");
    let text = std::fs::read_to_string(path).expect("a file");
    let rows = text.lines().skip(1).map(|line| {
        let fields = fields(line);
        let is_default = fields[4] == "yes";
        Row { name: fields[0].clone(), kind: fields[1].clone(), is_default, filterable: fields[5].clone() }
    });
    rows.collect()
}

/// The fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut is_quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            character => fields.last_mut().expect("one at least").push(character),
        }
    }
    fields
}

/// What may be asked by default, and in advanced queries besides.
fn asked(filterable: &str) -> (Vec<String>, Vec<String>) {
    // What stands in brackets is in doubt.
    let mut sure = String::new();
    let mut depth = 0;
    for character in filterable.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            character if depth == 0 => sure.push(character),
            _ => {}
        }
    }
    let (mut plain, mut advanced) = (Vec::new(), Vec::new());
    for part in sure.split(';') {
        let (list, operators) = match part.trim().split_once(':') {
            Some(("default", operators)) => (&mut plain, operators),
            Some(("advanced" | "advanced only", operators)) => (&mut advanced, operators),
            _ => continue,
        };
        list.extend(operators.split(',').map(|operator| operator.trim().to_owned()));
    }
    (plain, advanced)
}

#[tokio::test]
async fn filters_ask_what_microsofts_table_allows() {
    let sim = tenant().users(1).build();
    let client = Client::of(&sim);
    let mut tried = 0;
    for row in rows() {
        let is_whole = ["Edm.String", "Edm.Boolean", "Edm.DateTimeOffset"].contains(&row.kind.as_str());
        // In doubt; extensions have a test of their own.
        let is_unsure = ["employeeLeaveDateTime", "showInAddressList", "state"].contains(&row.name.as_str());
        if !is_whole || is_unsure || row.filterable.starts_with("no (") || row.name == "passwordProfile.password" {
            continue;
        }
        let name = row.name.replace('.', "/");
        let value = match row.kind.as_str() {
            "Edm.Boolean" => "true",
            "Edm.DateTimeOffset" => "2026-03-04T10:15:30Z",
            _ => "'x'",
        };
        let (plain, advanced) = asked(&row.filterable);
        for operator in
            ["eq", "in", "startsWith", "ge", "le", "ne", "not", "eq null", "endsWith", "gt", "lt", "contains"]
        {
            let filter = match operator {
                "in" => format!("{name} in ({value})"),
                "startsWith" | "endsWith" | "contains" => format!("{operator}({name},'x')"),
                "not" => format!("not ({name} eq {value})"),
                "eq null" => format!("{name} eq null"),
                operator => format!("{name} {operator} {value}"),
            };
            let has = |list: &[String]| list.iter().any(|known| known == operator);
            // What `eq` does `in` does, and `ne` and `not` wherever `eq` is.
            let follows = |list: &[String]| match operator {
                "in" => list.iter().any(|known| known == "eq"),
                _ => false,
            };
            let negates = ["ne", "not"].contains(&operator)
                && [&plain, &advanced].iter().any(|list| list.iter().any(|known| known == "eq"));
            let by_default = has(&plain) || follows(&plain);
            let at_all = by_default || has(&advanced) || follows(&advanced) || negates;
            for (suffix, expected) in [("", by_default), ("&$count=true", at_all)] {
                let got = client.get(&format!("users?$filter={filter}{suffix}")).await;
                match expected {
                    true => assert_eq!(got.status, 200, "{filter}{suffix}: {got:?}"),
                    false => got.refused(400, "Request_UnsupportedQuery", ""),
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[tokio::test]
async fn answers_have_the_types_of_the_description() {
    let sim = tenant().build();
    let client = Client::of(&sim);
    let full = with(
        ada(),
        json!({
            "ageGroup": "adult", "consentProvidedForMinor": "Granted", "businessPhones": ["+44 1"], "city": "Leeds",
            "companyName": "C", "country": "UK", "department": "D", "employeeId": "7", "employeeType": "Worker",
            "employeeHireDate": "2026-01-02T03:04:05.678+01:00", "employeeLeaveDateTime": "2027-01-01T00:00:00Z",
            "employeeOrgData": {"costCenter": "1"}, "faxNumber": "2", "givenName": "Ada", "jobTitle": "J",
            "mail": "ada@contoso.com", "mobilePhone": "3", "officeLocation": "O", "otherMails": ["x@y.example"],
            "onPremisesExtensionAttributes": {"extensionAttribute7": "x"}, "postalCode": "P", "preferredLanguage": "en",
            "passwordPolicies": "None", "preferredDataLocation": "EUR", "showInAddressList": true, "state": "S",
            "streetAddress": "T", "surname": "Okafor", "onPremisesImmutableId": "abc", "userType": "Member",
            "otherMails@odata.type": "#Collection(String)",
        }),
    );
    let made = client.post("users", &full).await;
    assert_eq!(made.status, 201, "{made:?}");
    let bare = sim.add_user(json!({"userPrincipalName": "bo@contoso.com"}));
    let names: Vec<Row> = rows().into_iter().filter(|row| !row.name.starts_with("extension_")).collect();
    let mut defaults = vec!["@odata.context".to_owned(), "id".to_owned()];
    for id in [made.body["id"].as_str().expect("an id"), &bare] {
        for row in &names {
            let (top, member) = row.name.split_once('.').unwrap_or((&row.name, ""));
            let got = client.get(&format!("users/{id}?$select={top}")).await;
            assert_eq!(got.status, 200, "{got:?}");
            let mut value = &got.body[top];
            assert!(got.body.get(top).is_some(), "{top}");
            assert_eq!(got.body.as_object().expect("an object").len(), 2, "{top}");
            if !member.is_empty() && value.is_object() {
                value = value.get(member).unwrap_or(&Value::Null);
            }
            let is_fine = match row.kind.as_str() {
                kind if kind.starts_with("Collection(") => value.is_array(),
                "Edm.Boolean" => value.is_null() || value.is_boolean(),
                "Edm.String" => value.is_null() || value.is_string(),
                "Edm.DateTimeOffset" => {
                    value.is_null() || value.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z'))
                }
                _ => true,
            };
            assert!(is_fine, "{}: {value}", row.name);
            // What was written is there, the password and what Exchange and SharePoint keep apart.
            let was_written = full.get(top).is_some() && id != bare && member != "password";
            let was_member = member.is_empty() || full[top].get(member).is_some();
            assert!(!(was_written && was_member && value.is_null()), "{} is lost", row.name);
        }
        if id == bare {
            break;
        }
    }
    defaults.extend(names.iter().filter(|row| row.is_default).map(|row| row.name.clone()));
    defaults.sort_unstable();
    let got = client.get(&format!("users/{bare}")).await;
    let mut shown: Vec<_> = got.body.as_object().expect("an object").keys().cloned().collect();
    shown.sort_unstable();
    assert_eq!(shown, defaults);
}

#[tokio::test]
async fn no_answer_has_a_collection_that_is_null() {
    let sim = tenant().users(2).groups(2).standard_skus(5).build();
    let client = Client::of(&sim);
    let user = sim.users()[0]["id"].as_str().expect("an id").to_owned();
    let group = sim.groups()[0]["id"].as_str().expect("an id").to_owned();
    let collections = [
        "businessPhones",
        "otherMails",
        "proxyAddresses",
        "assignedLicenses",
        "assignedPlans",
        "provisionedPlans",
        "identities",
        "imAddresses",
        "licenseAssignmentStates",
        "onPremisesProvisioningErrors",
        "groupTypes",
        "creationOptions",
        "resourceBehaviorOptions",
        "resourceProvisioningOptions",
        "serviceProvisioningErrors",
        "assignedLabels",
        "addIns",
        "appRoles",
        "identifierUris",
        "keyCredentials",
        "passwordCredentials",
        "tags",
        "requiredResourceAccess",
        "servicePrincipalNames",
        "replyUrls",
        "oauth2PermissionScopes",
        "alternativeNames",
        "verifiedDomains",
        "servicePlans",
        "subscriptionIds",
        "supportedServices",
    ];
    let all_of_user = "businessPhones,otherMails,proxyAddresses,assignedLicenses,assignedPlans,provisionedPlans,\
                       identities,imAddresses,licenseAssignmentStates,onPremisesProvisioningErrors,\
                       serviceProvisioningErrors";
    fn look(value: &Value, collections: &[&str], seen: &mut usize) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if collections.contains(&name.as_str()) {
                        assert!(value.is_array(), "{name}: {value}");
                        *seen += 1;
                    }
                    look(value, collections, seen);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, collections, seen)),
            _ => {}
        }
    }
    let mut seen = 0;
    for path in [
        "users".to_owned(),
        format!("users/{user}?$select={all_of_user}"),
        "groups".to_owned(),
        format!("groups/{group}?$select=assignedLicenses,assignedLabels,allowExternalSenders,unseenCount"),
        format!("groups/{group}/members"),
        "applications".to_owned(),
        "servicePrincipals".to_owned(),
        "organization".to_owned(),
        "domains".to_owned(),
        "subscribedSkus".to_owned(),
    ] {
        let got = client.get(&path).await;
        assert_eq!(got.status, 200, "{got:?}");
        look(&got.body, &collections, &mut seen);
    }
    assert!(seen > 40, "{seen}");
    let got = client.get(&format!("groups/{group}?$select=allowExternalSenders,unseenCount")).await;
    assert_eq!((&got.body["allowExternalSenders"], &got.body["unseenCount"]), (&json!(false), &json!(0)));
    client.get("groups?$select=allowExternalSenders").await.refused(501, "NotImplemented", "not yet supported");
    let flag = json!({"allowExternalSenders": true});
    client.patch(&format!("groups/{group}"), &flag).await.refused(403, "Authorization_RequestDenied", "");
}
