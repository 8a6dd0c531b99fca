//! What a job may do with licences, in the words of the people who run it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::reconcile::Products;

/// Which licences a job takes away, and when. What it gives, the mapping of the products' attribute says.
///
/// By default it takes away only what it gave itself, once the mapped value is cleared or names other products; and
/// gives none to people who are inactive. The same holds for the licences that groups give their members, but that they
/// are never taken because nothing is mapped, whatever [`LicenseRemoval`] says; and taking one counts in the guard
/// `license-removal` once for each member.
///
/// # Examples
///
/// ```
/// use entrant::reconcile::{LicenseRemoval, Licenses, Managed, Preferences};
///
/// let licenses = Licenses::default().with_removal(LicenseRemoval::Always).with_managed(Managed::list(["SPE_E3"]));
/// let preferences = Preferences::default().with_licenses(licenses);
/// assert!(preferences.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Licenses {
    pub(crate) removal: LicenseRemoval,
    pub(crate) managed: Managed,
    pub(crate) inactive: bool,
}

impl Licenses {
    /// Says when managed licences are taken away.
    #[must_use]
    pub fn with_removal(mut self, removal: LicenseRemoval) -> Self {
        self.removal = removal;
        self
    }

    /// Says which licences are managed.
    #[must_use]
    pub fn with_managed(mut self, managed: Managed) -> Self {
        self.managed = managed;
        self
    }

    /// Gives licences to inactive people too.
    #[must_use]
    pub fn with_inactive(mut self) -> Self {
        self.inactive = true;
        self
    }
}

/// When managed licences are taken away. Licences inherited from a group never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LicenseRemoval {
    /// Never, not even for another product in their place: what is wanted comes beside them.
    Never,
    /// When the products' attribute is mapped and its value has been cleared, or no longer names them.
    #[default]
    WhenMappedValueCleared,
    /// Also when the products' attribute is not mapped at all.
    Always,
}

/// Which licences a job may take away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Managed {
    /// Those that it gave itself.
    #[default]
    Own,
    /// Those that it gave itself, and all of these products, by id or name.
    List(BTreeSet<Arc<str>>),
    /// All that a person has directly, whoever gave them.
    AllDirect,
}

impl Managed {
    /// Those that the job gave itself, and all of these products, by id or name.
    pub fn list<P: Into<Arc<str>>>(products: impl IntoIterator<Item = P>) -> Self {
        Self::List(products.into_iter().map(Into::into).collect())
    }

    /// Whether a licence of a product may be taken away, given whether the job gave it.
    pub(crate) fn covers(&self, product: &str, products: Option<&Products>, own: bool) -> bool {
        match self {
            Self::Own => own,
            Self::AllDirect => true,
            Self::List(list) => {
                let name = products.map_or(product, |products| products.name(product));
                own || list.iter().any(|own| own.eq_ignore_ascii_case(product) || own.eq_ignore_ascii_case(name))
            }
        }
    }
}
