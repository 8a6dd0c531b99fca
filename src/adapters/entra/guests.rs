//! Guests: people of other organisations, who are invited and not created.

use std::sync::LazyLock;

use http::Method;
use serde_json::{Map, Value as Json};
use url::Url;

use super::schema::{self, PASSWORD, RESET_PASSWORD, USER_PRINCIPAL_NAME};
use super::step::{Part, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{GraphClient, Invitation};
use crate::model::{Attributes, Class, Mutability, Schema, Value, eq};
use crate::odata;
use crate::reconcile::{Draft, DraftStep, Finding};

pub(super) const MAIL: &str = "mail";
pub(super) const USER_KIND: &str = "userType";
const DISPLAY_NAME: &str = "displayName";
const GUEST: &str = "Guest";

/// How guests are invited by a target of [`Entra::guests`](super::Entra::guests).
///
/// By default Microsoft sends no message: tell the guests yourself, or let them come by the redirect address, where they
/// are asked to accept.
///
/// # Examples
///
/// ```
/// use entrant::adapters::Invitations;
///
/// let invitations = Invitations::new("https://myapplications.microsoft.com/")?.with_message();
/// assert!(Invitations::new("the portal").is_err());
/// # let _ = invitations;
/// # Ok::<(), entrant::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invitations {
    redirect: Url,
    sends_message: bool,
}

impl Invitations {
    /// Invites without a message; after accepting, guests are led to this address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if it is no `https` or `http` address.
    pub fn new(redirect_url: &str) -> Result<Self> {
        let redirect = Url::parse(redirect_url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let redirect = redirect.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "guests are led to an address such as https://myapplications.microsoft.com/")
        })?;
        Ok(Self { redirect, sends_message: false })
    }

    /// Lets Microsoft send each guest a message with the invitation.
    #[must_use]
    pub fn with_message(mut self) -> Self {
        self.sends_message = true;
        self
    }
}

/// What guests hold: a user who is made by an address alone, and gets the rest once he is there. Graph gives him his
/// name to sign in; he has no password here.
pub(super) static SCHEMA: LazyLock<std::sync::Arc<Schema>> = LazyLock::new(|| {
    let users = schema::users().schema();
    let mut schema = Schema::clone(users).with_default_scope(eq(USER_KIND, GUEST));
    for name in [PASSWORD, RESET_PASSWORD] {
        schema.attributes.remove(name);
    }
    for (name, attribute) in &mut schema.attributes {
        attribute.required_on_create = false;
        match name.as_str() {
            // Whoever has another address is another guest.
            MAIL => {
                attribute.required_on_create = true;
                attribute.mutability = Mutability::CreateOnly;
            }
            DISPLAY_NAME | USER_KIND => {}
            USER_PRINCIPAL_NAME => attribute.mutability = Mutability::ReadOnly,
            _ => attribute.after_create = true,
        }
    }
    std::sync::Arc::new(schema)
});

/// The requests that invite a guest: a look whether somebody has the address, then the invitation. Graph would answer
/// with a guest who is there already as if he were new.
///
/// See [create invitation](https://learn.microsoft.com/graph/api/invitation-post).
pub(super) fn route(client: &GraphClient, invitations: &Invitations, attributes: &Attributes) -> Result<Vec<Step>> {
    let mut mail = None;
    let mut name = None;
    for (attribute, value) in attributes.iter().filter(|(_, value)| !value.is_null()) {
        match (attribute.as_str(), value.as_text()) {
            (MAIL, Some(text)) => mail = Some(text),
            (DISPLAY_NAME, Some(text)) => name = Some(text),
            (USER_KIND, Some(text)) if text.eq_ignore_ascii_case(GUEST) => {}
            _ => {
                let message =
                    "a guest is invited with a mail address and a display name; change the rest when he is there";
                return Err(Error::new(ErrorKind::Invalid, message).with_context("attribute", attribute));
            }
        }
    }
    let mail = mail.filter(|mail| !mail.trim().is_empty());
    let mail = mail.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "a guest is invited by a mail address; map mail, and give him one")
    })?;
    let literal = odata::literal(mail);
    let look = client
        .request(Method::GET, "/users")
        .select(["id"])
        .query("$filter", format!("mail eq {literal} or otherMails/any(x:x eq {literal})"))
        .query("$top", "2")
        .into_batch()?;
    let mut invitation = Invitation::new(mail, invitations.redirect.as_str());
    invitation.invited_user_display_name = name.map(str::to_owned);
    invitation.send_invitation_message = invitations.sends_message;
    let body = serde_json::to_value(&invitation).map_err(|error| {
        Error::new(ErrorKind::Invalid, "the invitation cannot be written as JSON").with_source(error)
    })?;
    let body: Map<String, Json> = body.as_object().cloned().unwrap_or_default();
    Ok(vec![Step::of(Part::FindGuest, look), Step::new(Part::Invite, Method::POST, "/invitations").with_body(body)])
}

/// What would fail, or would not be a guest. `is_own` says whether a domain is the tenant's.
pub(super) fn check(draft: &Draft<'_>, is_own: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if *draft.class != Class::USER {
        return findings;
    }
    let kind = draft.attributes.get(USER_KIND).and_then(Value::as_text);
    if let Some(kind) = kind.filter(|kind| !kind.eq_ignore_ascii_case(GUEST)) {
        let message = format!("userType is {kind}: a target of guests makes nobody a member");
        findings.push(Finding::attribute(USER_KIND, "guest", message));
        if draft.step == DraftStep::Create {
            findings.push(Finding::object("guest", "who is to be a member is created, and not invited"));
        }
    }
    let mail = draft.attributes.get(MAIL).and_then(Value::as_text);
    if let Some(mail) = mail.filter(|_| draft.step == DraftStep::Create) {
        let parts = mail.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        match parts {
            Some((_, domain)) if !domain.contains('@') && is_own(domain) => {
                let message = format!("{domain} is a domain of the tenant itself, whose people are members");
                findings.push(Finding::attribute(MAIL, "own-domain", message));
            }
            Some((_, domain)) if !domain.contains('@') => {}
            _ => findings.push(Finding::attribute(MAIL, "mail", "an address has the form name@domain")),
        }
    }
    findings
}

/// Why a user of this kind is not created; `None` if he is.
pub(super) fn not_invited(draft: &Draft<'_>) -> Option<Finding> {
    let kind = draft.attributes.get(USER_KIND).and_then(Value::as_text);
    let is_guest = *draft.class == Class::USER
        && draft.step == DraftStep::Create
        && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(GUEST));
    let message = "a user who is created as Guest is none: he could sign in here only, with a password; a guest is \
                   invited, by the target Entra::guests";
    is_guest.then(|| Finding::object("guest-not-invited", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Name};

    fn attributes(pairs: &[(&str, Value)]) -> Attributes {
        pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
    }

    #[test]
    fn a_guest_is_made_by_an_address_and_gets_the_rest_later() {
        let named = |holds: fn(&crate::model::AttributeSchema) -> bool| {
            let attributes = SCHEMA.attributes.iter().filter(|(_, attribute)| holds(attribute));
            attributes.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(named(|attribute| attribute.required_on_create), [MAIL]);
        assert_eq!(named(|attribute| attribute.secret), [""; 0]);
        let with_it = named(|attribute| !attribute.after_create);
        assert_eq!(with_it, [DISPLAY_NAME, MAIL, USER_PRINCIPAL_NAME, USER_KIND]);
        assert_eq!(SCHEMA.attributes[MAIL].mutability, Mutability::CreateOnly);
        assert!(SCHEMA.default_scope.as_ref().is_some_and(|scope| {
            scope.matches(&attributes(&[(USER_KIND, "guest".into())])) && !scope.matches(&attributes(&[]))
        }));
    }

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait::async_trait]
    impl crate::http::Transport for Nowhere {
        async fn send(&self, _: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>> {
            Err(Error::new(ErrorKind::Transport, "nothing is sent in these tests"))
        }
    }

    #[test]
    fn an_invitation_is_sent_to_whom_nobody_is() {
        let token = crate::auth::StaticToken::new("t");
        let client = GraphClient::builder(token).transport(Nowhere).build().expect("complete");
        let quiet = Invitations::new("https://portal.contoso.com/").expect("an address");
        let routed = |invitations: &Invitations, pairs: &[(&str, Value)]| {
            let steps = route(&client, invitations, &attributes(pairs))?;
            let text = |step: Step| {
                let body = step.request.body.map_or_else(String::new, |body| format!(" {body}"));
                format!("{} {}{body}", step.request.method, step.request.url)
            };
            Ok::<_, Error>(steps.into_iter().map(text).collect::<Vec<_>>())
        };
        let whole =
            [(DISPLAY_NAME, "Zoë O'Neil".into()), (MAIL, "o'neil@fabrikam.com".into()), (USER_KIND, "Guest".into())];
        assert_eq!(
            routed(&quiet, &whole).expect("an invitation"),
            [
                "GET /users?$select=id&$filter=mail%20eq%20%27o%27%27neil@fabrikam.com%27%20or%20otherMails/any(x:x%20eq%20%27o%27%27neil@fabrikam.com%27)&$top=2",
                r#"POST /invitations {"inviteRedirectUrl":"https://portal.contoso.com/","invitedUserDisplayName":"Zoë O'Neil","invitedUserEmailAddress":"o'neil@fabrikam.com","sendInvitationMessage":false}"#,
            ]
        );
        let loud = quiet.clone().with_message();
        assert!(routed(&loud, &whole[1..]).expect("an invitation")[1].ends_with(
            r#"{"inviteRedirectUrl":"https://portal.contoso.com/","invitedUserEmailAddress":"o'neil@fabrikam.com","sendInvitationMessage":true}"#
        ));
        for wrong in [
            &[(DISPLAY_NAME, "Dana".into())][..],
            &[(MAIL, " ".into())],
            &[(MAIL, "dana@fabrikam.com".into()), ("jobTitle", "x".into())],
            &[(MAIL, "dana@fabrikam.com".into()), (USER_KIND, "Member".into())],
            &[(MAIL, 7.into())],
        ] {
            assert_eq!(routed(&quiet, wrong).expect_err("no invitation").kind(), ErrorKind::Invalid, "{wrong:?}");
        }
    }

    #[test]
    fn guests_are_led_to_an_address() {
        for (address, is_right) in [
            ("https://myapplications.microsoft.com/", true),
            ("http://localhost:8080/welcome?x=1", true),
            ("javascript:alert(1)", false),
            ("portal.contoso.com", false),
            ("", false),
        ] {
            assert_eq!(Invitations::new(address).is_ok(), is_right, "{address}");
        }
    }

    #[test]
    fn what_would_be_no_guest_is_found() {
        let found = |step, pairs: &[(&str, Value)]| {
            let (class, attributes) = (Class::USER, attributes(pairs));
            let draft = Draft::new(&class, step, None, &attributes);
            let findings = check(&draft, |domain| domain.eq_ignore_ascii_case("contoso.com"));
            findings.into_iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>().join(" ")
        };
        type Row<'a> = (DraftStep, &'a [(&'a str, Value)], &'a str);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            (DraftStep::Create, &[(MAIL, "dana@fabrikam.com".into()), (USER_KIND, "guest".into())], ""),
            (DraftStep::Create, &[(MAIL, "dana@Contoso.com".into())], "own-domain"),
            (DraftStep::Create, &[(MAIL, "dana".into())], "mail"),
            (DraftStep::Create, &[(MAIL, "@fabrikam.com".into())], "mail"),
            (DraftStep::Create, &[(MAIL, "a@b@c".into())], "mail"),
            (DraftStep::Create, &[(USER_KIND, "Member".into())], "guest guest"),
            (DraftStep::Update, &[(USER_KIND, "Member".into())], "guest"),
            (DraftStep::Update, &[(MAIL, "x".into())], ""),
        ];
        for (step, pairs, expected) in table {
            assert_eq!(found(*step, pairs), *expected, "{step:?} {pairs:?}");
        }
    }
}
