//! Whose clock the tenant goes by, and in which cloud it says that it lives.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::builder::SimBuilder;
use super::state::State;
use crate::clock::Clock;
use crate::cloud::Cloud;
use crate::sim::sign_in::login::{Denial, deny};

/// A clock that is off.
#[derive(Debug)]
pub(super) struct Skewed {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ahead: time::Duration,
}

#[async_trait]
impl Clock for Skewed {
    fn now(&self) -> OffsetDateTime {
        self.clock.now().saturating_add(self.ahead)
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}

/// What goes wrong between a client and a tenant before anything is written.
impl SimBuilder {
    /// Lets the tenant's clock be so far ahead of [`clock`](SimBuilder::clock), or behind it if negative: what it dates,
    /// `Date` in its answers above all, shows that. Default no difference.
    pub fn clock_ahead(mut self, ahead: time::Duration) -> Self {
        self.clock_ahead = ahead;
        self
    }

    /// Lets the secrets of the applications that the tenant is set up with expire at this moment; whoever signs in with
    /// one later gets AADSTS7000222. Default never.
    pub fn secrets_expire(mut self, at: OffsetDateTime) -> Self {
        self.secrets_expire = Some(at);
        self
    }

    /// Takes every permission from the applications, as if nobody had consented.
    pub fn without_consent(mut self) -> Self {
        self.permissions.clear();
        self
    }

    /// Lets the tenant live in this cloud, and not where it is asked: its discovery document says so, and whoever signs
    /// in gets AADSTS900382. Default where it is asked.
    pub fn lives_in(mut self, cloud: Cloud) -> Self {
        self.lives_in = Some(cloud);
        self
    }
}

impl State {
    /// Why nobody signs in here.
    pub(super) fn denied_by_region(&self) -> Option<Denial> {
        self.settings.lives_in.as_ref()?;
        let text = "Confidential Client is not supported in Cross Cloud request.".to_owned();
        Some(deny(900_382, "invalid_request", 400, text))
    }

    /// Puts the hosts and the region of the tenant's own cloud into a discovery document.
    pub(super) fn tell_region(&self, document: &mut Value) {
        let Some(cloud) = &self.settings.lives_in else { return };
        let (authority, graph) = (cloud.authority(), cloud.graph());
        let host = |url: &url::Url| url.host_str().unwrap_or_default().to_owned();
        let sub_scope = match cloud {
            Cloud::Gcc => json!("GCC"),
            Cloud::GccHigh => json!("DODCON"),
            Cloud::Dod => json!("DOD"),
            _ => Value::Null,
        };
        let tenant = self.settings.tenant_id;
        document["token_endpoint"] = json!(format!("{authority}{tenant}/oauth2/v2.0/token"));
        document["issuer"] = json!(format!("{authority}{tenant}/v2.0"));
        document["cloud_instance_name"] = json!(host(&authority).replacen("login.", "", 1));
        document["msgraph_host"] = json!(host(&graph));
        if let Some(members) = document.as_object_mut().filter(|_| !sub_scope.is_null()) {
            members.insert("tenant_region_sub_scope".to_owned(), sub_scope);
        }
    }
}
