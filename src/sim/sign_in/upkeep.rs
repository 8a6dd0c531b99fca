//! What an administrator does for the sign-in: certificates, redirects, consent, and what goes wrong.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::assertion::{Federated, Registered};
use super::denials;
use crate::secret::Secret;
use crate::sim::lists::query::base64url_decode;
use crate::sim::objects::object::{Object, whole};
use crate::sim::objects::shelf::Field;
use crate::sim::state::{Client, ClientSecret, State};
use crate::sim::tenant::Sim;
use crate::sim::users::property::Class;

impl Sim {
    /// Registers a certificate (DER) with the (first) application, so that it can sign in with assertions.
    ///
    /// # Panics
    ///
    /// If this is no certificate.
    pub fn add_certificate(&self, der: &[u8]) {
        let registered = Registered::from_der(der).expect("the certificate is an X.509 certificate in DER");
        self.first_client(|client| client.certificates.push(registered));
    }

    /// Lets the (first) application sign in with tokens of another issuer, for the usual audience
    /// `api://AzureADTokenExchange`. Their signature is not looked at.
    pub fn add_federated_credential(&self, issuer: &str, subject: &str) {
        let known = Federated {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
        };
        self.first_client(|client| client.federated.push(known));
    }

    /// Registers a redirect URI of a web application with the (first) application.
    pub fn add_redirect_uri(&self, uri: &str) {
        self.first_client(|client| client.redirects.push(uri.to_owned()));
    }

    /// Makes the (first) application a public one, to which people sign in on their own machine: in a browser with
    /// `http://localhost` at any port, or with a device code. As such it shows no secret when a person signs in.
    pub fn allow_public_client(&self) {
        self.first_client(|client| {
            client.is_public = true;
            client.redirects.push("http://localhost".to_owned());
        });
    }

    /// Lets the secrets of the (first) application expire now.
    pub fn expire_secret(&self) {
        let now = self.now();
        self.first_client(|client| client.secrets.iter_mut().for_each(|secret| secret.ends = Some(now)));
    }

    /// Gives another application of the tenant, by its application id, a secret to sign in with.
    ///
    /// # Panics
    ///
    /// If this is no GUID.
    pub fn add_secret(&self, app_id: &str, secret: impl Into<Secret>) {
        let id = Uuid::try_parse(app_id).expect("an application id is a GUID");
        let secret = ClientSecret { value: secret.into(), ends: None };
        self.state().later_secrets.entry(id).or_default().push(secret);
    }

    /// Approves the sign-in of a device, for a user found by id or user principal name.
    ///
    /// # Panics
    ///
    /// If nobody waits with this code, or there is no such user who may sign in.
    pub fn approve_device(&self, user_code: &str, user: &str) {
        let mut state = self.state();
        let user = state.person_named(user).expect("the user is in the tenant and enabled");
        assert!(state.answer_device(user_code, Some(user)), "a device waits with the code {user_code}");
    }

    /// Declines the sign-in of a device.
    ///
    /// # Panics
    ///
    /// If nobody waits with this code.
    pub fn decline_device(&self, user_code: &str) {
        assert!(self.state().answer_device(user_code, None), "a device waits with the code {user_code}");
    }

    /// The codes of devices whose sign-in is open.
    #[must_use]
    pub fn device_codes(&self) -> Vec<String> {
        self.state().open_devices()
    }

    /// Takes the administrator's consent back: tokens hold no permissions, and people's sign-ins are refused, until
    /// someone accepts at the consent page (`/{tenant}/adminconsent`).
    pub fn withdraw_consent(&self) {
        let mut state = self.state();
        let granted = std::mem::take(&mut state.settings.permissions);
        state.settings.withheld.extend(granted);
    }

    /// Revokes every refresh token, as a new password does.
    pub fn revoke_refresh_tokens(&self) {
        self.state().revoke_refresh_tokens();
    }

    /// Challenges every token that was issued before now to a client that can answer (continuous access evaluation):
    /// Graph answers 401 with the claims that the next token must be asked for with.
    pub fn challenge_tokens(&self) {
        let now = self.now();
        self.state().challenged = Some(now);
    }

    /// Refuses every token request with this AADSTS number, in Entra's words, until told otherwise with `None`.
    ///
    /// # Panics
    ///
    /// If the number is not one of the usual ones.
    pub fn refuse_sign_in(&self, number: impl Into<Option<u32>>) {
        let number = number.into();
        assert!(
            number.is_none_or(|number| denials::find(number).is_some()),
            "{number:?} is not one of the usual numbers"
        );
        self.state().refuses = number;
    }

    /// What must be sent along to `/msi/token`, the managed identity of App Service: the value of `IDENTITY_HEADER`.
    #[must_use]
    pub fn identity_header(&self) -> &'static str {
        State::identity_header()
    }

    fn first_client(&self, change: impl FnOnce(&mut Client)) {
        if let Some(client) = self.state().settings.clients.first_mut() {
            change(client);
        }
    }
}

impl State {
    /// What an application signs in with: what it was set up with, and what was written to its registration since.
    pub(crate) fn certificates_of(&self, client: &Client, now: OffsetDateTime) -> Vec<Registered> {
        let written = Uuid::try_parse(&client.id).ok().and_then(|id| self.registration(id));
        let keys = written.map(|app| app["keyCredentials"].clone()).unwrap_or_default();
        let keys = keys.as_array().cloned().unwrap_or_default();
        let written = keys.iter().filter_map(|key| {
            let text = key["key"].as_str()?.trim_end_matches('=').replace('+', "-").replace('/', "_");
            Registered::from_der(&base64url_decode(&text)?)
        });
        let all = client.certificates.iter().cloned().chain(written);
        all.filter(|certificate| !certificate.has_expired(now)).collect()
    }

    /// An application that was registered after the tenant was set up, and has a service principal.
    pub(crate) fn registered_later(&self, id: &str) -> Option<Client> {
        let id = Uuid::try_parse(id).ok()?;
        let app = self.registration(id)?;
        let slot = self.principals.candidates(Field::AppId, &id.to_string()).next()?;
        let principal = self.principals.live(slot)?.id;
        let secrets = self.later_secrets.get(&id).cloned().unwrap_or_default();
        let mut client = Client::new(id.to_string(), secrets, principal);
        let uris = |of: &str| -> Vec<String> {
            let uris = app[of]["redirectUris"].as_array().cloned().unwrap_or_default();
            uris.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let public = uris("publicClient");
        client.is_public = !public.is_empty() || app["isFallbackPublicClient"] == true;
        client.redirects = uris("web").into_iter().chain(public).collect();
        Some(client)
    }

    pub(crate) fn is_registered(&self, id: &str) -> bool {
        Uuid::try_parse(id).is_ok_and(|id| self.registration(id).is_some())
    }

    fn registration(&self, app_id: Uuid) -> Option<Value> {
        let shelf = self.apps(Class::Application);
        let slot = shelf.candidates(Field::AppId, &app_id.to_string()).next()?;
        Some(whole(Object::App(shelf.live(slot)?), self.context()))
    }
}
