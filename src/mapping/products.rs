//! Default mappings named after the products that have them.

use super::builder::Mapping;
use super::flow::FlowType;
use crate::model::{AttributeSchema, Class, Schema};

impl Mapping {
    /// What PingOne maps to Microsoft 365 unless told otherwise, from the attributes of a PingOne user.
    ///
    /// | target attribute | source | |
    /// | --- | --- | --- |
    /// | `password` | generated | on create alone |
    /// | `resetPassword` | true | on create alone: a new password at the first sign-in |
    /// | `userPrincipalName` | `username`; with `@` and `%Domain%` if it has no `@` | |
    /// | `mailNickname` | `username`, up to the `@` | |
    /// | `onPremisesImmutableId` | `externalId` | on create alone |
    /// | `displayName` | `name.formatted`; else `name.given` and `name.family` | |
    /// | `accountEnabled` | `enabled` | true on create if there is none |
    /// | `givenName`, `surname` | `name.given`, `name.family` | |
    /// | `usageLocation` | `address.countryCode` | |
    ///
    /// Existing users are looked for by `onPremisesImmutableId`, then by `userPrincipalName`. Licences are added with
    /// `.attribute("skuId", …)`, and whatever else is wanted alike. The preferences of that product are
    /// [`Preferences::pingone`](crate::reconcile::Preferences::pingone).
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::Mapping;
    ///
    /// let mapping = Mapping::pingone().attribute("skuId", "licenses").constant("country", "Germany");
    /// assert!(mapping.to_string().contains("usageLocation          ← [address.countryCode]"));
    /// ```
    pub fn pingone() -> Self {
        let made = Mapping::users()
            .named("pingone")
            .expression(
                "userPrincipalName",
                r#"IIF(InStr([username], "@") > 0, [username], Append([username], Append("@", %Domain%)))"#,
            )
            .and_then(|mapping| mapping.expression("mailNickname", r#"Word([username], 1, "@")"#))
            .and_then(|mapping| {
                mapping.expression(
                    "displayName",
                    r#"Coalesce([name.formatted], Join(" ", [name.given], [name.family]), NULL)"#,
                )
            });
        made.expect("the expressions are written here, and tests compile them")
            .attribute("onPremisesImmutableId", "externalId")
            .flow_type("onPremisesImmutableId", FlowType::ObjectAddOnly)
            .attribute("accountEnabled", "enabled")
            .default_value("accountEnabled", true)
            .attribute("surname", "name.family")
            .attribute("givenName", "name.given")
            .attribute("usageLocation", "address.countryCode")
            .constant("resetPassword", true)
            .flow_type("resetPassword", FlowType::ObjectAddOnly)
            .generate_password()
            .match_on("onPremisesImmutableId")
            .match_on("userPrincipalName")
    }

    /// What PingOne Advanced Identity Cloud maps from Entra to its own users, Entra being the source.
    ///
    /// | target attribute | source |
    /// | --- | --- |
    /// | `userName` | `userPrincipalName` |
    /// | `givenName` | `givenName` |
    /// | `sn` | `surname` |
    /// | `mail` | `mail` |
    /// | `displayName` | `displayName` |
    ///
    /// Existing users are looked for by `userName`. Nothing else is written; add what is wanted. The schema of such a
    /// store is [`aic_schema`](Mapping::aic_schema): who lacks an address or a name is not made, and is named in the plan.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::mapping::{AbsentMeans, Mapping};
    ///
    /// let mapping = Mapping::aic().attribute("telephoneNumber", "mobilePhone").default_value("sn", "-");
    /// let schema = Mapping::aic_schema().with("telephoneNumber", entrant::model::AttributeSchema::text());
    /// assert!(mapping.compile(&schema, AbsentMeans::Unknown)?.missing_required().is_empty());
    /// # Ok::<(), entrant::mapping::MappingError>(())
    /// ```
    pub fn aic() -> Self {
        Mapping::users()
            .named("aic")
            .attribute("userName", "userPrincipalName")
            .attribute("givenName", "givenName")
            .attribute("sn", "surname")
            .attribute("mail", "mail")
            .attribute("displayName", "displayName")
            .match_on("userName")
    }

    /// What a store holds that [`aic`](Mapping::aic) writes to: a mail address, a display name, a first and a last name,
    /// all required, and the user name.
    #[must_use]
    pub fn aic_schema() -> Schema {
        let required = || AttributeSchema::text().required();
        Schema::new(Class::USER)
            .with("userName", required().ignore_case().unique_in("userName"))
            .with("mail", required().ignore_case())
            .with("displayName", required())
            .with("givenName", required())
            .with("sn", required())
            .with_label("userName")
    }
}
