//! The national clouds, each with its own hosts.

use serde::{Deserialize, Serialize};
use url::Url;

/// Where a tenant lives: the host that issues tokens and the host of Microsoft Graph.
///
/// A token of one cloud is useless in another. See
/// [national cloud deployments](https://learn.microsoft.com/graph/deployments).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cloud {
    /// The worldwide cloud.
    #[default]
    Global,
    /// Microsoft 365 GCC: the worldwide cloud's hosts, kept apart because tenants name it.
    Gcc,
    /// US Government L4.
    GccHigh,
    /// US Government L5.
    Dod,
    /// China, operated by 21Vianet.
    China,
    /// Hosts of one's own: a simulated tenant, a proxy, a cloud that this version does not know.
    Custom {
        /// The host that issues tokens, such as `https://login.example/`.
        authority: Url,
        /// The root of Graph without the version, such as `https://graph.example/`.
        graph: Url,
    },
}

impl Cloud {
    /// The host that issues tokens.
    #[must_use]
    pub fn authority(&self) -> Url {
        match self {
            Self::Global | Self::Gcc => fixed("https://login.microsoftonline.com/"),
            Self::GccHigh | Self::Dod => fixed("https://login.microsoftonline.us/"),
            Self::China => fixed("https://login.partner.microsoftonline.cn/"),
            Self::Custom { authority, .. } => authority.clone(),
        }
    }

    /// The root of Microsoft Graph, without the version.
    #[must_use]
    pub fn graph(&self) -> Url {
        match self {
            Self::Global | Self::Gcc => fixed("https://graph.microsoft.com/"),
            Self::GccHigh => fixed("https://graph.microsoft.us/"),
            Self::Dod => fixed("https://dod-graph.microsoft.us/"),
            Self::China => fixed("https://microsoftgraph.chinacloudapi.cn/"),
            Self::Custom { graph, .. } => graph.clone(),
        }
    }
}

impl Cloud {
    /// The clouds that have a name.
    pub const KNOWN: &[Self] = &[Self::Global, Self::Gcc, Self::GccHigh, Self::Dod, Self::China];

    /// The portal, where its administrators work.
    #[must_use]
    pub fn portal(&self) -> Option<Url> {
        match self {
            Self::Global | Self::Gcc => Some(fixed("https://portal.azure.com/")),
            Self::GccHigh | Self::Dod => Some(fixed("https://portal.azure.us/")),
            Self::China => Some(fixed("https://portal.azure.cn/")),
            Self::Custom { .. } => None,
        }
    }

    /// The cloud whose sign-in host an address has, by any of the host's names. GCC is told as the worldwide cloud and DoD
    /// as GCC High: their hosts are the same.
    #[must_use]
    pub fn of_authority(address: &Url) -> Option<Self> {
        if address.scheme() != "https" || address.port().is_some() {
            return None;
        }
        match address.host_str()? {
            "login.microsoftonline.com" | "login.microsoft.com" | "login.windows.net" | "sts.windows.net" => {
                Some(Self::Global)
            }
            "login.microsoftonline.us" | "login-us.microsoftonline.com" => Some(Self::GccHigh),
            "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Some(Self::China),
            _ => None,
        }
    }
}

impl std::fmt::Display for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Global => "the worldwide cloud",
            Self::Gcc => "GCC",
            Self::GccHigh => "GCC High",
            Self::Dod => "DoD",
            Self::China => "China (21Vianet)",
            Self::Custom { authority, .. } => return f.write_str(authority.host_str().unwrap_or("a cloud of its own")),
        })
    }
}

fn fixed(url: &'static str) -> Url {
    Url::parse(url).expect("the hosts of the known clouds are valid addresses")
}
