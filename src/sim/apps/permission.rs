//! The permissions that Microsoft Graph offers, as far as directories are concerned.

use serde_json::{Value, json};
use uuid::Uuid;

/// Name, id as a permission of applications, id as one that acts for a person; there is none where it is empty.
const PERMISSIONS: &[(&str, &str, &str)] = &[
    ("User.ReadBasic.All", "97235f07-e226-4f63-ace3-39588e11d3a1", "b340eb25-3456-403f-be2f-af7a0d370277"),
    ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214", "a154be20-db9c-4678-8ab7-66f6cc099a59"),
    ("User.ReadWrite.All", "741f803b-c850-494e-b5df-cde7c675a1ca", "204e0828-b5ca-4ad8-b9f3-f32a958e7cc4"),
    ("User.DeleteRestore.All", "eccc023d-eccf-4e7b-9683-8813ab36cecc", "4bb440cd-2cf2-4f90-8004-aa2acd2537c5"),
    ("User.EnableDisableAccount.All", "3011c876-62b7-4ada-afa2-506cbbecc68c", "f92e74e7-2563-467f-9dd0-902688cb5863"),
    (
        "User-PasswordProfile.ReadWrite.All",
        "cc117bb9-00cf-4eb8-b580-ea2a878fe8f7",
        "56760768-b641-451f-8906-e1b8ab31bca7",
    ),
    ("User-Mail.ReadWrite.All", "280d0935-0796-47d1-8d26-273470a3f17a", "6166886a-9576-433b-8544-658177bdef1d"),
    ("User-Phone.ReadWrite.All", "86ceff06-c822-49ff-989a-d912845ffe69", "e29d5979-5b06-4a7f-ae24-6a9348d2e1ff"),
    ("User.ManageIdentities.All", "c529cfca-c91b-489c-af2b-d92990b66ce6", "637d7bec-b31e-4deb-acc9-24275642a2c9"),
    ("User.RevokeSessions.All", "77f3a031-c388-4f99-b373-dc68676a979e", "fc30e98b-8810-4501-81f5-c20a3196387b"),
    ("User.Invite.All", "09850681-111b-4a89-9bed-3f2cae46d706", "63dd7cd9-b489-4adf-a28c-ac38b9a0f962"),
    ("User.Export.All", "405a51b5-8d8d-430b-9842-8be4b0e9f324", "405a51b5-8d8d-430b-9842-8be4b0e9f324"),
    (
        "User-ConvertToInternal.ReadWrite.All",
        "9d952b72-f741-4b40-9185-8c53076c2339",
        "550e695c-7511-40f4-ac79-e8fb9c82552d",
    ),
    ("User-LifeCycleInfo.Read.All", "8556a004-db57-4d7a-8b82-97a13428e96f", "ed8d2a04-0374-41f1-aefe-da8ac87ccc87"),
    (
        "User-LifeCycleInfo.ReadWrite.All",
        "925f1248-0f97-47b9-8ec8-538c54e01325",
        "7ee7473e-bd4b-4c9f-987c-bd58481f5fa2",
    ),
    ("Group.ReadBasic.All", "07d67222-3a10-4d3b-9ddc-b8aa43198a00", "ba1917bc-a64b-4c71-b66d-229d4a520e66"),
    ("Group.Read.All", "5b567255-7703-4780-807c-7be8301ae99b", "5f8c59db-677d-491f-a6b8-5f174b11ec1d"),
    ("Group.Create", "bf7b1a76-6e77-406b-b258-bf5c7720e98f", ""),
    ("Group.ReadWrite.All", "62a82d76-70ea-41e2-9197-370581804d09", "4e46008b-f24c-477d-8fff-7bb4ec7aafe0"),
    ("GroupMember.ReadBasic.All", "8222c640-cae5-4860-8d11-b32cfad95e03", "28539367-358c-4ed9-b7f0-793eccb8fd34"),
    ("GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6", "bc024368-1153-4739-b217-4326f2e966d0"),
    ("GroupMember.ReadWrite.All", "dbaae8cf-10b5-4b86-a4a1-f871c94c6695", "f81125ac-d3b7-4573-a3b2-7099cc39df9e"),
    ("Member.Read.Hidden", "658aa5d8-239f-45c4-aa12-864f4fc7e490", "f6a3db3e-f7e8-4ed2-a414-557c8c9830be"),
    ("LicenseAssignment.Read.All", "e2f98668-2877-4f38-a2f4-8202e0717aa1", "f395577a-0960-456b-979f-7228de0c5996"),
    ("LicenseAssignment.ReadWrite.All", "5facf0c1-8979-4e95-abcf-ff3d079771c0", "f55016cc-149c-447e-8f21-7cf3ec1d6350"),
    ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6", "4908d5b9-3fb2-4b1e-9336-1888b7937185"),
    ("Organization.ReadWrite.All", "292d869f-3427-49a8-9dab-8c70152b74e9", "46ca0847-7e6b-426e-9775-ea810a948356"),
    ("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61", "06da0dbc-49e2-44d2-8312-53f166ab848a"),
    ("Directory.ReadWrite.All", "19dbc75e-c2e2-444c-a770-ec69d8559fc7", "c5366453-9fb0-48a5-a156-24f0c49a4b84"),
    ("Domain.Read.All", "dbb9058a-0e50-45d7-ae91-66909b5d4664", "2f9ee017-59c1-4f1d-9472-bd5529a7b311"),
    ("Domain.ReadWrite.All", "7e05723c-0bb0-42da-be95-ae9f08a6e53c", "0b5d694c-a244-4bde-86e6-eb5cd07730fe"),
    (
        "CrossTenantInformation.ReadBasic.All",
        "cac88765-0581-4025-9725-5ebc13f729ee",
        "81594d25-e88e-49cf-ac8c-fecbff49f994",
    ),
    ("Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "c79f8feb-a9db-4090-85f9-90d820caa0eb"),
    ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884", ""),
    ("Application.ReadWrite.All", "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "bdfbf15f-ee85-4955-8675-146e8e5296b5"),
    ("AppRoleAssignment.ReadWrite.All", "06b708a9-e830-4db3-a914-8e69da51d44f", "84bccea3-f856-4a8a-967b-dbe0a3d53a64"),
    (
        "DelegatedPermissionGrant.Read.All",
        "81b4724a-58aa-41c1-8a55-84ef97466587",
        "a197cdc4-a8e8-4d49-9d35-4ca7c83887b4",
    ),
    (
        "DelegatedPermissionGrant.ReadWrite.All",
        "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
        "41ce6ca6-6826-4807-84f1-1c82854f7ee5",
    ),
    ("RoleManagement.Read.Directory", "483bed4a-2ad3-4361-a73b-c83ccdbdc53c", "741c54c3-0c1e-44a1-818b-3f97ab4e8c83"),
    (
        "RoleManagement.ReadWrite.Directory",
        "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
        "d01b97e9-cbc0-49fe-810a-750afd5527a3",
    ),
    ("RoleManagement.Read.All", "c7fbd983-d9aa-4fa7-84b8-17382c103bc4", "48fec646-b2ba-4019-8681-8eb31435aded"),
    ("AdministrativeUnit.Read.All", "134fd756-38ce-4afd-ba33-e9623dbe66c2", "3361d15d-be43-4de6-b441-3c746d05163d"),
    (
        "AdministrativeUnit.ReadWrite.All",
        "5eb59dd3-1da2-4329-8733-9dabdc435916",
        "7b8a2d34-6b3f-4542-a343-54651608ad81",
    ),
    (
        "UserAuthenticationMethod.Read.All",
        "38d9df27-64da-44fd-b7c5-a6fbac20248f",
        "aec28ec7-4d02-4e8c-b864-50163aea77eb",
    ),
    (
        "UserAuthenticationMethod.ReadWrite.All",
        "50483e42-d915-4231-9639-7fdb7fd190e5",
        "b7887744-6746-4312-813d-72daeaee7e2d",
    ),
    ("AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20"),
    ("ProfilePhoto.ReadWrite.All", "27baa7f6-5dfb-4ba8-b1d3-1e812c143013", "f5b24df7-511e-48bb-ae88-643f023b55e1"),
    ("MailboxSettings.ReadWrite", "6931bccd-447a-43d1-b442-00a195474933", "818c620a-27a9-40bd-a6a5-d96f7d610b4b"),
    ("OrgContact.Read.All", "e1a88a34-94c4-4418-be12-c87b00e26bea", "08432d1b-5911-483c-86df-7980af5cdee0"),
    (
        "CustomSecAttributeAssignment.Read.All",
        "3b37c5a4-1226-493d-bec3-5d6c6b866f3f",
        "b46ffa80-fe3d-4822-9a1a-c200932d54d0",
    ),
    (
        "CustomSecAttributeAssignment.ReadWrite.All",
        "de89b5e4-5b8f-48eb-8925-29c2b33bd8bd",
        "ca46335e-8453-47cd-a001-8459884efeae",
    ),
    ("Policy.Read.All", "246dd0d5-5bd0-4def-940b-0421030a5b68", "572fea84-0151-49b2-9301-11cb16974376"),
    ("Device.ReadWrite.All", "1138cb37-bd11-4084-a2b7-9f71582aeddb", ""),
    ("Reports.Read.All", "230c1aed-a721-4c5d-9cb4-a90514e508ef", "02e97553-ed7b-43d0-ab3c-f8bace0d040c"),
    ("Directory.AccessAsUser.All", "", "0e263e50-5827-48a4-b97c-d940288653c7"),
    ("User.Read", "", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
];

/// The name of a permission of applications.
pub(crate) fn name_of(id: Uuid) -> Option<&'static str> {
    let id = id.to_string();
    PERMISSIONS.iter().find(|(_, known, _)| *known == id).map(|(name, ..)| *name)
}

/// The id of a permission of applications.
pub(crate) fn id_of(name: &str) -> Option<Uuid> {
    let found = PERMISSIONS.iter().find(|(known, ..)| *known == name);
    found.and_then(|(_, id, _)| Uuid::try_parse(id).ok())
}

/// `appRoles` of Microsoft Graph's service principal.
pub(crate) fn app_roles() -> Value {
    let role = |(name, id, _): &(&str, &str, &str)| {
        json!({
            "allowedMemberTypes": ["Application"],
            "description": format!("Allows the app to use {name}."),
            "displayName": name,
            "id": id,
            "isEnabled": true,
            "origin": "Application",
            "value": name,
        })
    };
    PERMISSIONS.iter().filter(|(_, id, _)| !id.is_empty()).map(role).collect()
}

/// `oauth2PermissionScopes` of it.
pub(crate) fn scopes() -> Value {
    let scope = |(name, _, id): &(&str, &str, &str)| {
        json!({
            "adminConsentDescription": format!("Allows the app to use {name}."),
            "adminConsentDisplayName": name,
            "id": id,
            "isEnabled": true,
            "type": "Admin",
            "userConsentDescription": null,
            "userConsentDisplayName": null,
            "value": name,
        })
    };
    PERMISSIONS.iter().filter(|(.., id)| !id.is_empty()).map(scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ids_and_named_once() {
        for (at, (name, id, scope)) in PERMISSIONS.iter().enumerate() {
            let parsed = Uuid::try_parse(id).ok();
            assert_eq!(parsed.is_none(), id.is_empty(), "{name}");
            assert_eq!((parsed.and_then(name_of), id_of(name)), (parsed.map(|_| *name), parsed));
            assert!(scope.is_empty() || Uuid::try_parse(scope).is_ok(), "{name}");
            assert!(PERMISSIONS[..at].iter().all(|(other, ..)| other != name));
        }
    }
}
