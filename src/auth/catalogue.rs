//! What Entra's numbers mean: for each, what is wrong, who must act, where, and whether trying again helps.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing is wrong when Entra refuses to issue a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignInClass {
    /// The secret, certificate or federated credential.
    Credential,
    /// The time of this machine, or of what it presents.
    Clock,
    /// The tenant, the client id, the cloud, the scope, or the application's registration.
    Config,
    /// Permissions are not listed or not consented to.
    Permission,
    /// A person has to sign in (again).
    Interaction,
    /// A policy of the tenant forbids it.
    Policy,
    /// The connection to Entra itself.
    Transport,
    /// The request should not have been made like this.
    Defect,
    /// Too many requests.
    Throttle,
    /// Entra is not well; it passes by itself.
    Transient,
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Actor {
    /// An Application Administrator or Cloud Application Administrator of the tenant, or an owner of the application.
    ApplicationAdministrator,
    /// A Privileged Role Administrator or Global Administrator of the tenant.
    PrivilegedRoleAdministrator,
    /// A Conditional Access Administrator of the tenant.
    ConditionalAccessAdministrator,
    /// A User Administrator or Authentication Administrator of the tenant.
    UserAdministrator,
    /// The person who signs in.
    Person,
    /// Whoever runs this program and keeps its settings.
    Operator,
    /// Whoever makes this program.
    Developer,
    /// Nobody: waiting is enough.
    Nobody,
}

/// Whether the same request, sent again, can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Retrying {
    /// It fails the same way until somebody acts.
    Never,
    /// Only for some minutes after the application, its service principal or its credential was made: replicas lag.
    JustCreated,
    /// After a while.
    Later,
}

/// What an AADSTS number means, in plain words.
///
/// # Examples
///
/// ```
/// use entrant::auth::{Actor, Retrying, SignInAdvice, SignInClass};
///
/// let advice = SignInAdvice::of(7000222).expect("a known number");
/// assert_eq!(advice.class, SignInClass::Credential);
/// assert_eq!(advice.actor, Actor::ApplicationAdministrator);
/// assert_eq!(advice.retrying, Retrying::Never);
/// println!("{}: {} ({})", advice.cause, advice.remedy, advice.place);
/// ```
///
/// See [error codes](https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInAdvice {
    /// The number after `AADSTS`.
    pub code: u64,
    /// What kind of thing is wrong.
    pub class: SignInClass,
    /// What is wrong.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Who does it.
    pub actor: Actor,
    /// Where that is done, such as a page of the Entra admin center.
    pub place: &'static str,
    /// Whether trying again helps.
    pub retrying: Retrying,
}

impl SignInAdvice {
    /// The advice for a number, if it is known.
    #[must_use]
    pub fn of(code: u64) -> Option<&'static Self> {
        ALL.iter().find(|advice| advice.code == code)
    }

    /// All numbers that are known.
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
    }
}

impl fmt::Display for SignInClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credential => "credential",
            Self::Clock => "clock",
            Self::Config => "configuration",
            Self::Permission => "permission",
            Self::Interaction => "sign-in of a person",
            Self::Policy => "policy",
            Self::Transport => "connection",
            Self::Defect => "defect",
            Self::Throttle => "throttling",
            Self::Transient => "transient fault",
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApplicationAdministrator => {
                "an Application Administrator of the tenant or an owner of the application"
            }
            Self::PrivilegedRoleAdministrator => "a Privileged Role Administrator of the tenant",
            Self::ConditionalAccessAdministrator => "a Conditional Access Administrator of the tenant",
            Self::UserAdministrator => "a User Administrator of the tenant",
            Self::Person => "the person who signs in",
            Self::Operator => "whoever runs this program",
            Self::Developer => "whoever makes this program",
            Self::Nobody => "nobody",
        })
    }
}

const CREDENTIALS: &str = "App registrations > the application > Certificates & secrets";
const FEDERATED: &str = "App registrations > the application > Certificates & secrets > Federated credentials";
const AUTHENTICATION: &str = "App registrations > the application > Authentication";
const REGISTRATION: &str = "App registrations > the application > Overview";
const API: &str = "App registrations > the application > API permissions";
const ENTERPRISE: &str = "Enterprise applications > the application > Properties";
const TENANT: &str = "Entra ID > Overview: the tenant's id and domains; and this connection's settings";
const SETTINGS: &str = "this connection's settings";
const POLICIES: &str = "Protection > Conditional Access; the sign-in logs show which policy, by the correlation id";
const MACHINE: &str = "the machine that this program runs on";
const USERS: &str = "Users > the person > Authentication methods";
const SIGN_IN: &str = "the sign-in page";
const STATUS: &str = "the service's status page, if it lasts";
const HERE: &str = "this program's issue tracker";

type Row = (u64, SignInClass, Actor, Retrying, &'static str, &'static str, &'static str);

const fn advice((code, class, actor, retrying, place, cause, remedy): Row) -> SignInAdvice {
    SignInAdvice { code, class, cause, remedy, actor, place, retrying }
}

macro_rules! catalogue {
    ($($row:expr),* $(,)?) => {
        /// In the order of the subjects.
        const ALL: &[SignInAdvice] = {
            use self::Actor::*;
            use self::Retrying::*;
            use self::SignInClass::*;
            &[$(advice($row)),*]
        };
    };
}

#[rustfmt::skip]
catalogue![
    // Credentials
    (7_000_215, Credential, ApplicationAdministrator, JustCreated, CREDENTIALS, "the client secret is wrong: often its id was given, or the secret is of another application", "use the secret's value (not its id) of this application, or create a new one"),
    (7_000_222, Credential, ApplicationAdministrator, Never, CREDENTIALS, "the secret has expired", "the secret has expired: create a new one, or change to a certificate"),
    (7_000_218, Credential, Operator, Never, SETTINGS, "no credential was sent: configure one", "give the connection a secret or a certificate; for a device code, an Application Administrator allows public client flows"),
    (700_025, Credential, Operator, Never, AUTHENTICATION, "a credential was sent for an application that is public at this redirect URI", "leave the credential out, or register the redirect URI under `Web`"),
    (700_027, Credential, ApplicationAdministrator, JustCreated, CREDENTIALS, "the certificate is not registered with the application, or the signature is not by its key", "upload the public certificate (.cer) of the configured key, and compare the thumbprints"),
    (70_021, Credential, ApplicationAdministrator, JustCreated, FEDERATED, "no federated credential of the application fits the token's issuer, subject and audience", "make the three equal to the token's, letter for letter; case and a slash at the end count"),
    (700_211, Credential, ApplicationAdministrator, JustCreated, FEDERATED, "no federated credential of the application has the token's issuer", "make the issuer equal to the token's, letter for letter; case and a slash at the end count"),
    (700_212, Credential, ApplicationAdministrator, JustCreated, FEDERATED, "no federated credential of the application has the token's audience", "make the audience equal to the token's; usually it is `api://AzureADTokenExchange`"),
    (700_213, Credential, ApplicationAdministrator, JustCreated, FEDERATED, "no federated credential of the application has the token's subject", "make the subject equal to the token's, letter for letter"),
    (700_024, Clock, Operator, Never, MACHINE, "what was presented is not valid at this time: the clock is wrong, or the federated token is old", "set the machine's clock by NTP; see that the federated token's file is renewed"),
    // Where and who
    (700_016, Config, Operator, JustCreated, REGISTRATION, "the application is not in this tenant", "check the client id, the tenant and the cloud"),
    (700_011, Config, Operator, JustCreated, REGISTRATION, "the application is not in this tenant", "check the client id, the tenant and the cloud"),
    (7_000_112, Config, ApplicationAdministrator, Never, ENTERPRISE, "the application is disabled", "enable the enterprise application: set `Enabled for users to sign in` to `Yes`"),
    (7_000_229, Config, ApplicationAdministrator, JustCreated, ENTERPRISE, "the application has no service principal in the tenant", "create the application's service principal in the tenant, by consenting to it"),
    (90_002, Config, Operator, Never, TENANT, "there is no such tenant in this cloud", "check the tenant and the cloud"),
    (900_023, Config, Operator, Never, TENANT, "the tenant is neither an id nor a domain", "give the tenant's id (a GUID) or one of its domains"),
    (50_059, Config, Operator, Never, SETTINGS, "the request names no tenant", "name the tenant"),
    (90_019, Config, Operator, Never, SETTINGS, "the request names no tenant", "name the tenant"),
    (50_194, Config, Operator, Never, SETTINGS, "the application is of one tenant and was asked for at `common`", "name the tenant"),
    (90_038, Config, Operator, Never, SETTINGS, "the tenant lives in another national cloud", "choose the cloud that the tenant lives in"),
    (900_382, Config, Operator, Never, SETTINGS, "the tenant lives in another national cloud, and the application may not cross", "choose the cloud that the tenant lives in"),
    (900_432, Config, Operator, Never, SETTINGS, "the tenant lives in another national cloud, and the application may not cross", "choose the cloud that the tenant lives in"),
    (70_011, Config, Operator, Never, SETTINGS, "the scope is not valid", "the scope must end in `/.default`, after the Graph host of the tenant's cloud"),
    (1_002_012, Config, Operator, Never, SETTINGS, "an application alone cannot ask for single scopes", "the scope must end in `/.default`, after the Graph host of the tenant's cloud"),
    (500_011, Config, Operator, Never, SETTINGS, "the tenant does not know what the token is for, usually another cloud's Graph", "the Graph host does not belong to the tenant's cloud: make them fit"),
    (50_011, Config, ApplicationAdministrator, Never, AUTHENTICATION, "the redirect URI is not registered", "register the exact redirect URI under `Web`, or `http://localhost` under `Mobile and desktop applications`"),
    (900_971, Config, Operator, Never, AUTHENTICATION, "no redirect URI was given, and none is registered", "register a redirect URI and give it"),
    (1_002_016, Transport, Operator, Never, MACHINE, "the connection uses an old TLS version, perhaps through a proxy", "the connection uses an old TLS version, perhaps through a proxy: use TLS 1.2 or later"),
    // Permissions
    (650_057, Permission, ApplicationAdministrator, Never, API, "the application's registration does not list Microsoft Graph", "add the Microsoft Graph permissions, then have an administrator consent to them"),
    (650_056, Permission, PrivilegedRoleAdministrator, Never, API, "no permissions are listed, or nobody has consented", "list the permissions and grant admin consent"),
    (65_001, Permission, PrivilegedRoleAdministrator, Never, API, "nobody has consented to the application", "grant admin consent, with the consent address or the button on that page"),
    (65_004, Permission, PrivilegedRoleAdministrator, Never, API, "consent was declined", "run the consent again as an administrator who may accept, and accept"),
    (90_094, Permission, PrivilegedRoleAdministrator, Never, API, "only an administrator may consent", "have an administrator open the consent address"),
    (90_095, Permission, PrivilegedRoleAdministrator, Never, API, "only an administrator may consent, and a request was sent to them", "have an administrator approve the request"),
    // Policies
    (53_003, Policy, ConditionalAccessAdministrator, Never, POLICIES, "Conditional Access blocks the application or the person", "exclude the application, or allow the address that this program comes from"),
    (53_000, Policy, ConditionalAccessAdministrator, Never, POLICIES, "Conditional Access asks for a compliant device", "sign in from a compliant device, or change the policy"),
    (53_001, Policy, ConditionalAccessAdministrator, Never, POLICIES, "Conditional Access asks for a device that joined the domain", "sign in from such a device, or change the policy"),
    (530_032, Policy, ConditionalAccessAdministrator, Never, POLICIES, "a policy of the tenant blocks it", "change the policy, or sign in another way"),
    (530_035, Policy, ConditionalAccessAdministrator, Never, POLICIES, "the tenant's security defaults block it", "sign in with multi-factor authentication in a browser"),
    // People
    (50_076, Interaction, Person, Never, SIGN_IN, "multi-factor authentication is needed", "sign in again in a browser"),
    (50_079, Interaction, Person, Never, USERS, "multi-factor authentication has to be set up first", "register a second factor, then sign in again"),
    (50_074, Interaction, Person, Never, SIGN_IN, "multi-factor authentication is needed", "sign in again in a browser"),
    (50_072, Interaction, Person, Never, USERS, "multi-factor authentication has to be set up first", "register a second factor, then sign in again"),
    (50_034, Interaction, Person, Never, SIGN_IN, "the account is not in this tenant", "sign in with an account of the tenant, or have it invited as a guest"),
    (50_020, Interaction, Person, Never, SIGN_IN, "the account is of another tenant", "sign in with an account of the tenant"),
    (50_177, Interaction, Person, Never, SIGN_IN, "the account is of another tenant", "sign in with an account of the tenant"),
    (50_126, Interaction, Person, Never, SIGN_IN, "the user name or the password is wrong", "sign in again; a program should not ask for passwords itself"),
    (50_053, Interaction, Person, Later, SIGN_IN, "the account is locked after too many tries", "wait, then sign in again"),
    (50_055, Interaction, Person, Never, SIGN_IN, "the password has expired", "change the password, then sign in again"),
    (50_057, Interaction, UserAdministrator, Never, "Users > the person > Account status", "the account is disabled", "enable it, or sign in with another"),
    (54_005, Interaction, Person, Never, SIGN_IN, "the code of this sign-in was used before", "sign in again"),
    (70_000, Interaction, Person, Never, SIGN_IN, "the refresh token is not good any more", "sign in again"),
    (70_008, Interaction, Person, Never, SIGN_IN, "the code or the refresh token has expired", "sign in again"),
    (700_082, Interaction, Person, Never, SIGN_IN, "the refresh token was not used for 90 days", "sign in again"),
    (50_173, Interaction, Person, Never, SIGN_IN, "the sign-in was revoked, perhaps by a new password", "sign in again"),
    (50_089, Interaction, Person, Never, SIGN_IN, "the sign-in has expired", "sign in again"),
    (70_043, Interaction, Person, Never, SIGN_IN, "a policy asks people to sign in more often", "sign in again"),
    (70_016, Interaction, Person, Later, SIGN_IN, "the person has not entered the code yet", "enter the code on the page that was named"),
    (70_019, Interaction, Person, Never, SIGN_IN, "the device code has expired", "begin again, and enter the new code in time"),
    (70_020, Interaction, Person, Never, SIGN_IN, "the device code has expired", "begin again, and enter the new code in time"),
    // Defects
    (900_144, Defect, Developer, Never, HERE, "a field is missing in the request", "report it, with the field's name"),
    (900_561, Defect, Operator, Never, MACHINE, "the request did not arrive as POST: often a proxy has changed it", "let the program reach the sign-in host without that proxy"),
    (9_002_313, Defect, Developer, Never, HERE, "the request is malformed", "report it"),
    (90_013, Defect, Developer, Never, HERE, "the request holds what Entra does not take", "report it"),
    (501_481, Defect, Developer, Never, HERE, "the proof of another sign-in was sent (PKCE)", "sign in again; if it stays, report it"),
    (50_147, Defect, Developer, Never, HERE, "the proof of the sign-in is malformed (PKCE)", "report it"),
    // Load
    (50_196, Throttle, Developer, Never, HERE, "the same request was sent too often: tokens are not kept", "stop the program, and share one client instead of making many"),
    (90_055, Throttle, Nobody, Later, STATUS, "the tenant sends too many requests", "wait as long as the answer says"),
    (90_006, Transient, Nobody, Later, STATUS, "Entra is not available for a moment", "try again later"),
    (90_012, Transient, Nobody, Later, STATUS, "Entra took too long", "try again later"),
    (90_024, Transient, Nobody, Later, STATUS, "Entra had a passing fault", "try again later"),
    (90_033, Transient, Nobody, Later, STATUS, "Entra's directory is not available for a moment", "try again later"),
    (50_033, Transient, Nobody, Later, STATUS, "Entra had a passing fault", "try again later"),
    (50_087, Transient, Nobody, Later, STATUS, "Entra had a passing fault in multi-factor authentication", "try again later"),
    (90_090, Transient, Nobody, Later, STATUS, "Entra is not available for a moment", "try again later"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;
    use std::collections::BTreeSet;

    #[test]
    fn every_number_of_the_samples_is_known_with_its_class() {
        let known: Vec<Json> = serde_json::from_str(include_str!("../../tests/data/auth/aadsts.json")).expect("JSON");
        assert_eq!(known.len(), 50);
        for sample in known {
            let code = sample["code"].as_u64().expect("a number");
            let advice = SignInAdvice::of(code).unwrap_or_else(|| panic!("{code} is not known"));
            assert_eq!(serde_json::to_value(advice.class).expect("text"), sample["klass"], "{code}");
            let passes = matches!(sample["klass"].as_str(), Some("transient")) || code == 90_055;
            assert_eq!(advice.retrying == Retrying::Later, passes, "{code}");
        }
    }

    #[test]
    fn no_number_is_there_twice_and_all_is_said() {
        let codes: BTreeSet<u64> = ALL.iter().map(|advice| advice.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for advice in ALL {
            for text in [advice.cause, advice.remedy, advice.place] {
                assert!(text.len() > 8 && !text.ends_with('.'), "{advice:?}");
            }
        }
    }
}
