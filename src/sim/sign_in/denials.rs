//! Every refusal of the sign-in that can be scripted, by its number.

/// Number, status, OAuth's error, its finer word, text.
type Row = (u32, u16, &'static str, Option<&'static str>, &'static str);

pub(crate) fn find(number: u32) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.0 == number)
}

const REFUSED: &str = "invalid_client";
const BAD: &str = "invalid_request";
const GRANT: &str = "invalid_grant";
const NOT_HERE: &str = "unauthorized_client";
const BUSY: &str = "temporarily_unavailable";
const BASIC: Option<&str> = Some("basic_action");

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (7_000_215, 401, REFUSED, None, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."),
    (7_000_222, 401, REFUSED, None, "The provided client secret keys for the app are expired. Visit the Azure portal to create new keys for your app."),
    (7_000_218, 401, REFUSED, None, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    (700_025, 401, REFUSED, None, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    (700_027, 401, REFUSED, None, "The certificate with identifier used to sign the client assertion is not registered on application."),
    (700_024, 401, REFUSED, None, "Client assertion is not within its valid time range."),
    (700_016, 400, NOT_HERE, None, "Application was not found in the directory. You may have sent your authentication request to the wrong tenant."),
    (700_011, 400, NOT_HERE, None, "Application was not found in the directory."),
    (7_000_112, 400, NOT_HERE, None, "Application is disabled."),
    (7_000_229, 400, NOT_HERE, None, "The client application is missing service principal in the tenant."),
    (90_002, 400, BAD, None, "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."),
    (900_023, 400, BAD, None, "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."),
    (50_059, 400, BAD, None, "No tenant-identifying information found in either the request or implied by any provided credentials."),
    (90_038, 400, BAD, None, "The specified tenant belongs to the National Cloud 'USGov'. Current cloud instance 'Public' does not federate with it."),
    (900_144, 400, BAD, None, "The request body must contain the following parameter: 'grant_type'."),
    (900_561, 400, BAD, None, "The endpoint only accepts POST requests. Received a GET request."),
    (9_002_313, 400, BAD, None, "Invalid request. Request is malformed or invalid."),
    (70_011, 400, "invalid_scope", None, "The provided value for the input parameter 'scope' is not valid."),
    (1_002_012, 400, "invalid_scope", None, "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."),
    (1_002_016, 400, BAD, None, "You are using TLS version 1.0, 1.1 and/or 3DES cipher which are deprecated."),
    (500_011, 400, "invalid_resource", None, "The resource principal was not found in the tenant."),
    (650_057, 400, "invalid_resource", None, "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration."),
    (650_056, 400, REFUSED, None, "Misconfigured application. The client has not listed any permissions, or the admin has not consented in the tenant."),
    (65_001, 400, GRANT, Some("consent_required"), "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."),
    (65_004, 400, "access_denied", None, "The resource owner or authorization server denied the request."),
    (90_094, 400, "access_denied", None, "The grant requires admin permission."),
    (50_076, 400, GRANT, BASIC, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource."),
    (50_079, 400, GRANT, BASIC, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource."),
    (53_003, 400, GRANT, Some("message_only"), "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    (50_034, 400, GRANT, None, "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."),
    (50_020, 400, GRANT, None, "User account from identity provider does not exist in tenant and cannot access the application in that tenant."),
    (50_126, 400, GRANT, None, "Error validating credentials due to invalid username or password."),
    (54_005, 400, GRANT, None, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    (70_000, 400, GRANT, None, "Provided grant is invalid or malformed."),
    (70_008, 400, GRANT, None, "The provided authorization code or refresh token has expired due to inactivity."),
    (700_082, 400, GRANT, None, "The refresh token has expired due to inactivity."),
    (50_173, 400, GRANT, None, "The provided grant has expired due to it being revoked, a fresh auth token is needed."),
    (501_481, 400, GRANT, None, "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    (50_011, 400, BAD, None, "The redirect URI specified in the request does not match the redirect URIs configured for the application."),
    (70_021, 400, BAD, None, "No matching federated identity record found for presented assertion."),
    (90_013, 400, BAD, None, "Invalid input received from the user."),
    (50_196, 400, GRANT, None, "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."),
    (90_055, 429, BUSY, None, "Tenant throttling error: there are too many incoming requests."),
    (90_006, 503, BUSY, None, "The service is temporarily unavailable."),
    (90_012, 503, BUSY, None, "The request has timed out."),
    (90_024, 503, BUSY, None, "A transient error has occurred. Try again."),
    (90_033, 503, BUSY, None, "The Microsoft Online Directory Service (MSODS) is not available."),
    (50_033, 503, BUSY, None, "A transient error has occurred."),
    (50_087, 503, BUSY, None, "A transient error has occurred during strong authentication. Please try again."),
    (90_090, 503, BUSY, None, "The service is temporarily unavailable."),
];
