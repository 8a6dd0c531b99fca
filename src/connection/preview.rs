//! A look at a tenant's accounts.

use std::sync::Arc;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::settings::Connection;
use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::graph::{GraphClient, User, UserId};
use crate::http::Transport;

/// The first accounts of a tenant, as they are. Personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Preview {
    /// The accounts, in the order in which Graph gives them.
    pub accounts: Vec<RemoteAccount>,
    /// Whether there are more.
    pub has_more: bool,
}

/// One account of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are Graph's properties, under Graph's names")]
pub struct RemoteAccount {
    pub id: Option<UserId>,
    pub user_principal_name: Option<String>,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub surname: Option<String>,
    pub mail: Option<String>,
    pub account_enabled: Option<bool>,
}

const SHOWN: [&str; 7] = ["id", "userPrincipalName", "displayName", "givenName", "surname", "mail", "accountEnabled"];

impl Connection {
    /// Reads the tenant's first accounts, at most so many, to show them; changes nothing, and needs no check before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`](crate::ErrorKind::NotReady) without a credential, and those of listing users.
    ///
    /// # Permissions
    ///
    /// `User.Read.All` (application).
    pub async fn preview(&self, accounts: usize) -> Result<Preview> {
        read(&self.client()?.clock(SystemClock::new()).build()?, accounts).await
    }

    /// As [`preview`](Self::preview), over another way to the network and by another clock.
    ///
    /// # Errors
    ///
    /// As [`preview`](Self::preview).
    pub async fn preview_over(
        &self,
        accounts: usize,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Preview> {
        read(&self.client()?.transport(transport).clock(clock).build()?, accounts).await
    }
}

async fn read(client: &GraphClient, count: usize) -> Result<Preview> {
    let mut accounts = Vec::new();
    // One more than is asked for tells whether there are more.
    let page = u16::try_from(count.saturating_add(1)).unwrap_or(u16::MAX).min(999);
    let mut users = client.users().list().select(SHOWN).top(page).items();
    while let Some(user) = users.try_next().await? {
        if accounts.len() == count {
            return Ok(Preview { accounts, has_more: true });
        }
        accounts.push(shown(user));
    }
    Ok(Preview { accounts, has_more: false })
}

fn shown(user: User) -> RemoteAccount {
    RemoteAccount {
        id: user.id,
        user_principal_name: user.user_principal_name,
        display_name: user.display_name,
        given_name: user.given_name,
        surname: user.surname,
        mail: user.mail,
        account_enabled: user.account_enabled,
    }
}
