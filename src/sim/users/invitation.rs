//! Inviting guests, and signing people out.

use serde_json::{Value, json};

use super::property;
use super::serve::take_member;
use super::write::By;
use crate::sim::audit::Activity;
use crate::sim::objects::shelf::Field;
use crate::sim::objects::stored::fold;
use crate::sim::state::State;
use crate::sim::trouble::lag::Lag;
use crate::sim::wire::answer::{Answer, Refusal, date};
use crate::sim::wire::routes::Call;

impl State {
    /// `POST /invitations`: whoever was invited before is the same guest. A guest is seen at once, whatever the lag.
    pub(crate) fn invite(&mut self, call: &Call<'_>, client: &str) -> Result<Answer, Refusal> {
        let mut body = call.json()?;
        if !body.is_object() {
            return Err(Refusal::protocol("The body of a write is a JSON object."));
        }
        let text = |value: Option<Value>| {
            value.and_then(|value| value.as_str().map(str::to_owned)).filter(|text| !text.is_empty())
        };
        let missing =
            |name: &str| Refusal::bad(format!("A value is required for property '{name}' of resource 'Invitation'."));
        let mail = text(take_member(&mut body, "invitedUserEmailAddress"))
            .ok_or_else(|| missing("invitedUserEmailAddress"))?;
        let redirect = text(take_member(&mut body, "inviteRedirectUrl")).ok_or_else(|| missing("inviteRedirectUrl"))?;
        let name = text(take_member(&mut body, "invitedUserDisplayName"));
        let sends = take_member(&mut body, "sendInvitationMessage").and_then(|value| value.as_bool()).unwrap_or(false);
        let kind = text(take_member(&mut body, "invitedUserType")).unwrap_or_else(|| "Guest".to_owned());
        let Some((local, domain)) =
            mail.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
        else {
            return Err(Refusal::bad("The invitedUserEmailAddress of the invitation is not an e-mail address."));
        };
        let known = self.people.candidates(Field::Address, &fold(&mail)).next().and_then(|slot| self.people.live(slot));
        let id = match known {
            Some(user) if user.text(property::USER_TYPE) == Some("Guest") => user.id,
            Some(user) => {
                return Err(Refusal::bad(format!(
                    "The invited user already exists in the directory as object ID: {}. They can use that account to sign \
                     in to shared apps and resources.",
                    user.id
                )));
            }
            None => {
                let is_kept = |c: char| c.is_ascii_alphanumeric() || "'.-_!^~".contains(c);
                let alias: String =
                    format!("{local}_{domain}").chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
                let guest = json!({
                    "accountEnabled": true,
                    "displayName": name.as_deref().unwrap_or(local),
                    "mail": mail,
                    "otherMails": [mail],
                    "mailNickname": format!("{alias}#EXT#"),
                    "userPrincipalName": format!("{alias}#EXT#@{}", self.initial_domain()),
                    "userType": kind,
                    "creationType": "Invitation",
                    "externalUserState": "PendingAcceptance",
                    "externalUserStateChangeDateTime": date(call.now),
                });
                // What Graph sets for a guest, a client may not; what it may, is checked all the same.
                self.check_quota(By::Client)?;
                let slot = self.create_user(&guest, By::Administrator, call.now)?;
                let id = self.people.current(slot).map(|user| user.id).ok_or_else(|| Refusal::not_found("user"))?;
                self.note(call, client, (Activity::InviteGuest, 201), (id, None), Vec::new());
                id
            }
        };
        let invitation = self.chance.uuid();
        let tenant = self.settings.tenant_id;
        Ok(Answer::value(
            201,
            &json!({
                "@odata.context": format!("{}/v1.0/$metadata#invitations/$entity", call.origin),
                "id": invitation,
                "inviteRedeemUrl": format!("{}/redeem?tenant={tenant}&user={invitation}&ticket=sim", call.origin),
                "invitedUserDisplayName": name,
                "invitedUserType": kind,
                "invitedUserEmailAddress": mail,
                "sendInvitationMessage": sends,
                "resetRedemption": false,
                "inviteRedirectUrl": redirect,
                "status": "PendingAcceptance",
                "invitedUserMessageInfo": {
                    "messageLanguage": null,
                    "customizedMessageBody": null,
                    "ccRecipients": [{"emailAddress": {"name": null, "address": null}}],
                },
                "invitedUser": {"id": id},
            }),
        ))
    }

    /// `POST /users/{id}/revokeSignInSessions`.
    pub(crate) fn revoke_sessions(&mut self, call: &Call<'_>, client: &str, key: &str) -> Result<Answer, Refusal> {
        let (slot, id) = self.writable(key, call.now)?;
        if let Some(mut user) = self.people.current(slot).cloned() {
            user.sessions_from = call.now.unix_timestamp();
            self.people.replace(slot, user, Lag::none(call.now));
        }
        self.note(call, client, (Activity::RevokeSessions, 200), (id, None), Vec::new());
        let context = format!("{}/v1.0/$metadata#Edm.Boolean", call.origin);
        Ok(Answer::value(200, &json!({"@odata.context": context, "value": true})))
    }
}
