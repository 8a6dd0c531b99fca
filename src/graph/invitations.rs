//! Guests.

use futures::future::BoxFuture;
use futures::stream::TryStreamExt;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Call, GraphClient, User, Users};
use crate::odata;

/// What a found guest is read with.
const SELECTED: [&str; 7] =
    ["id", "userPrincipalName", "displayName", "mail", "otherMails", "userType", "externalUserState"];

/// An invitation to send.
///
/// See [invitation](https://learn.microsoft.com/graph/api/resources/invitation).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Invitation {
    /// Where the guest gets mail.
    pub invited_user_email_address: String,
    /// Where the guest goes after accepting.
    pub invite_redirect_url: String,
    /// The guest's name here; by default taken from the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invited_user_display_name: Option<String>,
    /// Whether Microsoft sends a message; otherwise hand the link over yourself.
    pub send_invitation_message: bool,
}

/// What came of an invitation.
///
/// See [invitation](https://learn.microsoft.com/graph/api/resources/invitation).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InvitationSent {
    /// The guest, with little more than the id.
    pub invited_user: User,
    /// Where the guest accepts. Whoever has it can: hand it to nobody else.
    #[serde(default)]
    pub invite_redeem_url: Option<String>,
    /// `PendingAcceptance`, `Completed`, `InProgress` or `Error`.
    #[serde(default)]
    pub status: Option<String>,
    /// Every other property, under Graph's own name.
    #[serde(flatten)]
    pub extra: Map<String, Json>,
}

/// A guest: a new one, or one that was there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Guest {
    /// Invited now.
    Invited(Box<InvitationSent>),
    /// There already, whether the invitation has been accepted or not.
    There(Box<User>),
}

impl Invitation {
    /// An invitation without a message.
    pub fn new(email: impl Into<String>, redirect_url: impl Into<String>) -> Self {
        Self {
            invited_user_email_address: email.into(),
            invite_redirect_url: redirect_url.into(),
            invited_user_display_name: None,
            send_invitation_message: false,
        }
    }

    /// The guest's name here.
    #[must_use]
    pub fn with_display_name(mut self, name: impl Into<String>) -> Self {
        self.invited_user_display_name = Some(name.into());
        self
    }

    /// Lets Microsoft send a message.
    #[must_use]
    pub fn with_message(mut self) -> Self {
        self.send_invitation_message = true;
        self
    }
}

impl Guest {
    /// The guest, as far as it was told.
    #[must_use]
    pub fn user(&self) -> &User {
        match self {
            Self::Invited(sent) => &sent.invited_user,
            Self::There(user) => user,
        }
    }
}

impl Users {
    /// Invites a guest, unless there is one with this address. A user that is created with `userType: Guest` is no
    /// guest: it could only sign in here.
    ///
    /// After a lost answer it looks whether the guest has come about, and so may be called again without harm; as long
    /// as the directory does not show a new guest yet, the error is in doubt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if a member of the organisation, or more than one guest, has the address.
    ///
    /// # Permissions
    ///
    /// `User.Invite.All` and `User.Read.All` (application).
    ///
    /// See [create invitation](https://learn.microsoft.com/graph/api/invitation-post).
    pub fn invite(&self, invitation: &Invitation) -> BoxFuture<'static, Result<Guest>> {
        let (client, invitation) = (self.client().clone(), invitation.clone());
        Box::pin(async move {
            if let Some(user) = find(&client, &invitation.invited_user_email_address).await? {
                return Ok(Guest::There(Box::new(user)));
            }
            let call = Call::new(client.clone(), Method::POST, Ok("/invitations".to_owned()));
            match call.body(&invitation).decode::<InvitationSent>().await {
                Ok(sent) => Ok(Guest::Invited(Box::new(sent))),
                Err(error) if error.is_outcome_in_doubt() => {
                    match find(&client, &invitation.invited_user_email_address).await {
                        Ok(Some(user)) => Ok(Guest::There(Box::new(user))),
                        // What was seen, or not, now is no proof.
                        Ok(None) | Err(_) => Err(error),
                    }
                }
                Err(error) => Err(error),
            }
        })
    }
}

/// The guest with this address.
async fn find(client: &GraphClient, email: &str) -> Result<Option<User>> {
    if email.trim().is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "an invitation needs an address"));
    }
    let literal = odata::literal(email);
    let filter = format!("mail eq {literal} or otherMails/any(x:x eq {literal})");
    let list = client.users().list().select(SELECTED).filter(filter).top(20);
    let found: Vec<User> = list.items().try_collect().await?;
    let (mut guests, members): (Vec<User>, Vec<User>) = found
        .into_iter()
        .partition(|user| user.user_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("Guest")));
    let guest = guests.pop();
    if !guests.is_empty() {
        return Err(Error::new(ErrorKind::Conflict, "several guests have the address"));
    }
    if guest.is_none() && !members.is_empty() {
        return Err(Error::new(ErrorKind::Conflict, "a member of the organisation has the address, and is no guest"));
    }
    Ok(guest)
}
