"""Microsoft's SDK for Python against the simulated tenant: whatever it does not understand fails here.

Takes the line that `sim_tenant` prints as its argument.
"""

import asyncio
import json
import ssl
import sys
from urllib.parse import urlsplit

import httpx
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.assigned_license import AssignedLicense
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.user import User
from msgraph.generated.users.item.assign_license.assign_license_post_request_body import AssignLicensePostRequestBody
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core import GraphClientFactory
from msgraph_core.models.page_result import PageResult
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

TENANT = json.loads(sys.argv[1])
GRAPH = TENANT["graph_url"].rstrip("/") + "/v1.0"


def say(step: str) -> None:
    print(f"python: {step}", flush=True)


def credential(secret: str) -> ClientSecretCredential:
    return ClientSecretCredential(
        TENANT["tenant_id"],
        TENANT["client_id"],
        secret,
        authority=TENANT["authority_url"].rstrip("/"),
        disable_instance_discovery=True,
        connection_verify=TENANT["ca_file"],
    )


def client() -> GraphServiceClient:
    host = urlsplit(GRAPH).hostname
    scopes = ["https://graph.microsoft.com/.default"]
    auth = AzureIdentityAuthenticationProvider(
        credential(TENANT["client_secret"]), scopes=scopes, allowed_hosts=[host], is_cae_enabled=False
    )
    trust = ssl.create_default_context(cafile=TENANT["ca_file"])
    web = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(verify=trust, timeout=30))
    adapter = GraphRequestAdapter(auth, client=web)
    adapter.base_url = GRAPH
    return GraphServiceClient(request_adapter=adapter)


def person(alias: str) -> User:
    return User(
        account_enabled=True,
        display_name=f"{alias} O'Foreign",
        mail_nickname=alias,
        user_principal_name=f"{alias}@contoso.com",
        usage_location="GB",
        password_profile=PasswordProfile(password="Tr4vel-Lamp-91!", force_change_password_next_sign_in=True),
    )


async def listed(graph: GraphServiceClient) -> int:
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=["id", "displayName"], top=100)
    first = await graph.users.get(RequestConfiguration(query_parameters=parameters))
    seen: list[str] = []

    def keep(user: User) -> bool:
        seen.append(user.id)
        return True

    await PageIterator(first, graph.request_adapter).iterate(keep)
    assert len(set(seen)) == len(seen), "a user came twice"
    return len(seen)


async def main() -> None:
    try:
        credential("wrong").get_token("https://graph.microsoft.com/.default")
        raise AssertionError("a wrong secret was taken")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in str(error), error
    token = credential(TENANT["client_secret"]).get_token("https://graph.microsoft.com/.default")
    assert token.token.count(".") == 2
    say("token")

    graph = client()
    before = await listed(graph)
    assert before > 250, before
    say(f"{before} users in pages")

    latest = await graph.users.delta.get()
    while latest.odata_next_link:
        latest = await graph.users.delta.with_url(latest.odata_next_link).get()
    link = latest.odata_delta_link
    assert link

    made = await graph.users.post(person("py.ada"))
    assert made.id and made.user_principal_name == "py.ada@contoso.com" and made.business_phones == []
    read = await graph.users.by_user_id("py.ada@contoso.com").get()
    assert read.id == made.id and read.account_enabled is None
    await graph.users.by_user_id(made.id).patch(User(job_title="Engineer", additional_data={"city": "Leeds"}))
    filtered = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        filter="displayName eq 'py.ada O''Foreign'", select=["id", "jobTitle", "city", "createdDateTime"]
    )
    found = await graph.users.get(RequestConfiguration(query_parameters=filtered))
    assert [user.job_title for user in found.value] == ["Engineer"] and found.value[0].created_date_time.year > 2000
    headers = HeadersCollection()
    headers.add("ConsistencyLevel", "eventual")
    searched = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        search='"displayName:foreign"', orderby=["displayName"], count=True
    )
    found = await graph.users.get(RequestConfiguration(query_parameters=searched, headers=headers))
    assert found.odata_count == 1, found.odata_count
    say("user created, read, updated, found and searched for")

    try:
        await graph.users.post(person("py.ada"))
        raise AssertionError("a name was given twice")
    except ODataError as error:
        assert error.response_status_code == 400 and error.error.code == "Request_BadRequest", error
        assert "already exists" in error.error.message and error.error.inner_error.request_id
    try:
        await graph.users.by_user_id("nobody@contoso.com").get()
        raise AssertionError("nobody was found")
    except ODataError as error:
        assert error.error.code == "Request_ResourceNotFound"
    say("errors understood")

    changed = await graph.users.delta.with_url(link).get()
    assert [user.id for user in changed.value] == [made.id] and changed.odata_delta_link
    link = changed.odata_delta_link
    say("delta")

    batch = BatchRequestContent()
    for number in range(5):
        request = RequestInformation(method=Method.POST)
        request.url = "/users"
        request.set_content_from_parsable(graph.request_adapter, "application/json", person(f"py.b{number}"))
        batch.add_request(str(number), BatchRequestItem(request, id=str(number)))
    request = RequestInformation(method=Method.GET)
    request.url = "/users/nobody@contoso.com"
    batch.add_request("missing", BatchRequestItem(request, id="missing"))
    answers = await BatchRequestBuilder(graph.request_adapter).post(batch)
    statuses = answers.get_response_status_codes()
    assert statuses.pop("missing") == 404 and list(statuses.values()) == [201] * 5, statuses
    assert await listed(graph) == before + 6
    say("batch")

    group = await graph.groups.post(
        Group(display_name="Python", mail_enabled=False, mail_nickname="python", security_enabled=True)
    )
    members = graph.groups.by_group_id(group.id).members
    await members.ref.post(ReferenceCreate(odata_id=f"{GRAPH}/directoryObjects/{made.id}"))
    inside = await members.get()
    assert [(type(one).__name__, one.id) for one in inside.value] == [("User", made.id)]
    count = await members.count.get(RequestConfiguration(headers=headers))
    assert count == 1, count
    try:
        await members.ref.post(ReferenceCreate(odata_id=f"{GRAPH}/directoryObjects/{made.id}"))
        raise AssertionError("a member was added twice")
    except ODataError as error:
        assert "already exist" in error.error.message
    belongs = await graph.users.by_user_id(made.id).member_of.get()
    assert [one.id for one in belongs.value] == [group.id]
    groups = await graph.groups.delta.get()
    links = [one for one in groups.value if one.id == group.id][0].additional_data["members@delta"]
    assert "'" + made.id + "'" in repr(links), links
    say("group with a member")

    skus = await graph.subscribed_skus.get()
    sku = skus.value[0]
    user = await graph.users.by_user_id(made.id).assign_license.post(
        AssignLicensePostRequestBody(add_licenses=[AssignedLicense(sku_id=sku.sku_id, disabled_plans=[])], remove_licenses=[])
    )
    assert user.id == made.id
    details = await graph.users.by_user_id(made.id).license_details.get()
    assert [one.sku_id for one in details.value] == [sku.sku_id]
    again = await graph.subscribed_skus.get()
    assert again.value[0].consumed_units == sku.consumed_units + 1
    say("licence")

    await graph.users.by_user_id(made.id).delete()
    binned = await graph.directory.deleted_items.graph_user.get()
    assert made.id in [one.id for one in binned.value]
    changed = await graph.users.delta.with_url(link).get()
    gone = [user for user in changed.value if "@removed" in user.additional_data]
    assert [user.id for user in gone] == [made.id]
    back = await graph.directory.deleted_items.by_directory_object_id(made.id).restore.post(None)
    assert back.id == made.id and isinstance(back, User), back
    assert (await graph.users.by_user_id(made.id).get()).display_name == "py.ada O'Foreign"
    await graph.users.by_user_id(made.id).delete()
    await graph.directory.deleted_items.by_directory_object_id(made.id).delete()
    say("deleted, restored, deleted for good")

    domains = (await graph.organization.get()).value[0].verified_domains
    assert [domain.name for domain in domains if domain.is_default] == ["contoso.com"]
    await graph.groups.by_group_id(group.id).delete()
    for number in range(5):
        await graph.users.by_user_id(f"py.b{number}@contoso.com").delete()
    assert await listed(graph) == before
    say("all steps")


asyncio.run(main())
