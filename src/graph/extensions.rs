//! Properties that an application adds to the directory.

use std::sync::Arc;

use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::word::{text_id, words};
use crate::graph::{Call, GraphClient, List};
use crate::odata;

/// The object id of an application; not its client id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApplicationId(Arc<str>);

text_id!(ApplicationId);

/// The directory extensions of an application: properties of users and groups, under names such as
/// `extension_{client id without hyphens}_badge`. They are written and read like any other property, and read only if
/// they are selected: in [`User::extra`](super::User::extra).
#[derive(Debug, Clone)]
pub struct ExtensionProperties {
    client: GraphClient,
    application: ApplicationId,
}

/// One of them.
///
/// See [extensionProperty](https://learn.microsoft.com/graph/api/resources/extensionproperty).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExtensionProperty {
    /// The short name when it is defined; the whole name when it is read.
    pub name: String,
    /// What its values are.
    pub data_type: ExtensionType,
    /// Whether it has many.
    #[serde(default)]
    pub is_multi_valued: bool,
    /// `User`, `Group` and others.
    pub target_objects: Vec<String>,
}

words! {
    /// What the values of an extension property are.
    ExtensionType {
        /// Up to 256 bytes.
        Binary = "Binary",
        /// Yes or no.
        Boolean = "Boolean",
        /// A moment.
        DateTime = "DateTime",
        /// 32 bits.
        Integer = "Integer",
        /// 64 bits.
        LargeInteger = "LargeInteger",
        /// Up to 256 characters.
        String = "String",
    }
}

impl ExtensionProperty {
    /// A property of users, one value each.
    pub fn of_users(name: impl Into<String>, data_type: ExtensionType) -> Self {
        Self { name: name.into(), data_type, is_multi_valued: false, target_objects: vec!["User".to_owned()] }
    }

    /// Also, or only, of others.
    #[must_use]
    pub fn with_targets<S: Into<String>>(mut self, targets: impl IntoIterator<Item = S>) -> Self {
        self.target_objects = targets.into_iter().map(Into::into).collect();
        self
    }

    /// With many values.
    #[must_use]
    pub fn with_many_values(mut self) -> Self {
        self.is_multi_valued = true;
        self
    }
}

impl ExtensionProperties {
    /// Lists them.
    ///
    /// # Permissions
    ///
    /// `Application.Read.All` (application).
    ///
    /// See [list extensionProperties](https://learn.microsoft.com/graph/api/application-list-extensionproperty).
    pub fn list(&self) -> List<ExtensionProperty> {
        self.call(Method::GET).list()
    }

    /// Defines one more.
    ///
    /// # Permissions
    ///
    /// `Application.ReadWrite.All` (application).
    ///
    /// See [create extensionProperty](https://learn.microsoft.com/graph/api/application-post-extensionproperty).
    pub fn create(&self, property: &ExtensionProperty) -> Call<ExtensionProperty> {
        self.call(Method::POST).body(property).decode()
    }

    fn call(&self, method: Method) -> Call {
        let path = odata::key_segment("/applications", self.application.as_str());
        Call::new(self.client.clone(), method, path.map(|path| path + "/extensionProperties"))
    }
}

impl GraphClient {
    /// The directory extensions of an application.
    #[must_use]
    pub fn extension_properties(&self, application: impl Into<ApplicationId>) -> ExtensionProperties {
        ExtensionProperties { client: self.clone(), application: application.into() }
    }
}

/// The name under which an extension property is written and read: `extension_{client id without hyphens}_{name}`.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] if the client id is no GUID, or the name has other characters than letters, digits and `_`.
///
/// # Examples
///
/// ```
/// # fn main() -> entrant::Result<()> {
/// let name = entrant::graph::extension_name("11111111-2222-3333-4444-555555555555", "badge")?;
/// assert_eq!(name, "extension_11111111222233334444555555555555_badge");
/// # Ok(())
/// # }
/// ```
pub fn extension_name(client_id: &str, name: &str) -> Result<String> {
    let client_id = Uuid::try_parse(client_id)
        .map_err(|_| Error::new(ErrorKind::Invalid, "an application's client id is a GUID"))?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(Error::new(ErrorKind::Invalid, "an extension's name has letters, digits and `_` only"));
    }
    Ok(format!("extension_{}_{name}", client_id.simple()))
}
