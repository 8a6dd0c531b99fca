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

fn fixed(url: &'static str) -> Url {
    Url::parse(url).expect("the hosts of the known clouds are valid addresses")
}
