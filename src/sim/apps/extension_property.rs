//! The directory extensions that an application defines, as Graph serves them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::sim::audit::Activity;
use crate::sim::objects::extension::{Extension, ExtensionType};
use crate::sim::objects::shelf::parse_id;
use crate::sim::organization::{collection, single};
use crate::sim::state::State;
use crate::sim::tenant::Sim;
use crate::sim::users::property::Class;
use crate::sim::users::serve::take_member;
use crate::sim::wire::answer::{Answer, Refusal};
use crate::sim::wire::routes::Call;

/// An application defines so many extensions at most.
const MAX_DEFINED: usize = 100;
/// What extensions are of. Values are kept for users and groups alone.
const TARGETS: &[&str] = &["User", "Group", "AdministrativeUnit", "Application", "Device", "Organization"];

/// Directory extensions.
impl Sim {
    /// Defines a directory extension of users and groups for the (first) application, and answers the name of the
    /// property: `extension_{client id without hyphens}_{name}`.
    ///
    /// # Panics
    ///
    /// If the name is taken or has other characters than letters, digits and `_`, or the first application's id is no
    /// UUID.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::sim::{ExtensionType, Sim};
    /// use serde_json::json;
    ///
    /// let sim = Sim::new();
    /// let badge = sim.define_extension("badge", ExtensionType::String);
    /// let id = sim.add_user(json!({"userPrincipalName": "ada@contoso.com", (badge.as_str()): "B-7"}));
    /// assert_eq!(sim.user(&id).expect("just added")[&badge], "B-7");
    /// ```
    pub fn define_extension(&self, name: &str, kind: ExtensionType) -> String {
        self.state().define_extension(name, kind)
    }
}

impl State {
    /// Defines one for the first application, on behalf of an administrator.
    pub(crate) fn define_extension(&mut self, name: &str, kind: ExtensionType) -> String {
        let first = (0..self.applications.end()).find_map(|slot| self.applications.live(slot));
        let Some((application, app_id)) = first.map(|app| (app.id, app.app_id)) else {
            panic!(
                "the extension '{name}' cannot be defined: no application has a UUID as its id, see SimBuilder::client"
            );
        };
        let id = self.ids.uuid();
        match self.extensions.define((id, application, app_id), name, (kind, false), vec!["User", "Group"]) {
            Ok(made) => made.name.to_owned(),
            Err(refusal) => panic!("the extension '{name}' cannot be defined: {}", refusal.message),
        }
    }

    fn defined(&self, application: Uuid) -> impl Iterator<Item = &Extension> {
        self.extensions.visible().filter(move |known| known.application == application)
    }

    fn shown_extension(&self, extension: &Extension) -> Value {
        let slot = self.applications.by_id(extension.application);
        let app = slot.and_then(|slot| self.applications.current(slot));
        json!({
            "id": extension.id,
            "deletedDateTime": null,
            "appDisplayName": app.map(|app| app.name()),
            "dataType": extension.kind.name(),
            "isMultiValued": extension.is_many,
            "isSyncedFromOnPremises": false,
            "name": extension.name,
            "targetObjects": extension.targets,
        })
    }

    pub(crate) fn list_extensions(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let app = self.app_seen(Class::Application, key, call.now)?.id;
        let all = self.defined(app).map(|known| self.shown_extension(known)).collect();
        collection(call, &format!("applications('{app}')/extensionProperties"), all)
    }

    pub(crate) fn read_extension(&self, call: &Call<'_>, key: &str, id: &str) -> Result<Answer, Refusal> {
        let app = self.app_seen(Class::Application, key, call.now)?.id;
        let found = self.defined(app).find(|known| parse_id(id) == Some(known.id));
        let shown = self.shown_extension(found.ok_or_else(|| Refusal::not_found(id))?);
        single(call, &format!("applications('{app}')/extensionProperties"), shown)
    }

    /// `POST /directoryObjects/getAvailableExtensionProperties`.
    pub(crate) fn available_extensions(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let mut body = if call.body.is_empty() { json!({}) } else { call.json()? };
        // Of those that come from a directory outside there is none.
        let is_synced = match take_member(&mut body, "isSyncedFromOnPremises") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(wanted)) => wanted,
            Some(_) => return Err(Refusal::bad("Invalid value specified for parameter 'isSyncedFromOnPremises'.")),
        };
        let all = self.extensions.visible().filter(|_| !is_synced).map(|known| self.shown_extension(known));
        collection(call, "directoryObjects/microsoft.graph.extensionProperty", all.collect())
    }

    pub(crate) fn post_extension(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        let missing = |name: &str| {
            Refusal::bad(format!("A value is required for property '{name}' of resource 'ExtensionProperty'."))
        };
        let invalid = |name: &str| {
            Refusal::bad(format!("Invalid value specified for property '{name}' of resource 'ExtensionProperty'."))
        };
        let mut text = |name: &str| {
            let value = take_member(&mut body, name).filter(|value| !value.is_null()).ok_or_else(|| missing(name))?;
            value.as_str().map(str::to_owned).ok_or_else(|| invalid(name))
        };
        let (name, kind) = (text("name")?, text("dataType")?);
        let kind = ExtensionType::parse(&kind).ok_or_else(|| invalid("dataType"))?;
        let is_many = match take_member(&mut body, "isMultiValued") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(many)) => many,
            Some(_) => return Err(invalid("isMultiValued")),
        };
        let given = take_member(&mut body, "targetObjects").ok_or_else(|| missing("targetObjects"))?;
        let known = |target: &Value| {
            let target = target.as_str()?;
            TARGETS.iter().copied().find(|known| known.eq_ignore_ascii_case(target))
        };
        let targets: Option<Vec<&'static str>> = given.as_array().and_then(|list| list.iter().map(known).collect());
        let targets = targets.filter(|targets| !targets.is_empty()).ok_or_else(|| invalid("targetObjects"))?;
        let (id, app_id) = {
            let slot = self.app_slot(Class::Application, key, call.now)?;
            self.applications.current(slot).map(|app| (app.id, app.app_id)).ok_or_else(|| Refusal::not_found(key))?
        };
        if self.defined(id).count() >= MAX_DEFINED {
            return Err(Refusal::new(
                403,
                "Directory_QuotaExceeded",
                format!("The application has {MAX_DEFINED} extension properties, which is the limit."),
            ));
        }
        let drawn = self.ids.uuid();
        let made = self.extensions.define((drawn, id, app_id), &name, (kind, is_many), targets)?.clone();
        let mut shown = self.shown_extension(&made);
        let context = format!("applications('{id}')/extensionProperties/$entity");
        shown["@odata.context"] = json!(format!("{}/v1.0/$metadata#{context}", call.origin));
        self.note(call, client, (Activity::DefineExtension, 201), (id, Some(drawn)), vec![made.name]);
        Ok(Answer::value(201, &shown))
    }

    pub(crate) fn drop_extension(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        id: &str,
    ) -> Result<Answer, Refusal> {
        let app = self.app_seen(Class::Application, key, call.now)?.id;
        let unknown = || Refusal::not_found(id);
        let known = parse_id(id).ok_or_else(unknown)?;
        let name = self.extensions.remove(app, known).ok_or_else(unknown)?;
        self.note(call, client, (Activity::RemoveExtension, 204), (app, Some(known)), vec![name]);
        Ok(Answer::no_content())
    }
}
