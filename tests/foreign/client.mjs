// Microsoft's client for JavaScript against the simulated tenant: whatever it does not understand fails here.
//
// Takes the line that `sim_tenant` prints as its argument, and NODE_EXTRA_CA_CERTS from its surroundings.

import assert from "node:assert/strict";
import { ClientSecretCredential } from "@azure/identity";
import { BatchRequestContent, BatchResponseContent, Client, GraphError, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const tenant = JSON.parse(process.argv[2]);
const graphUrl = tenant.graph_url.replace(/\/$/, "");
const scopes = ["https://graph.microsoft.com/.default"];
const say = (step) => console.log(`node: ${step}`);

const credential = (secret) =>
  new ClientSecretCredential(tenant.tenant_id, tenant.client_id, secret, {
    authorityHost: tenant.authority_url.replace(/\/$/, ""),
    disableInstanceDiscovery: true,
  });

await assert.rejects(credential("wrong").getToken(scopes), /AADSTS7000215/);
const token = await credential(tenant.client_secret).getToken(scopes);
assert.equal(token.token.split(".").length, 3);
say("token");

const client = Client.initWithMiddleware({
  authProvider: new TokenCredentialAuthenticationProvider(credential(tenant.client_secret), { scopes }),
  baseUrl: graphUrl + "/",
  customHosts: new Set([new URL(graphUrl).hostname]),
});

const listed = async () => {
  const seen = new Set();
  const first = await client.api("/users").select("id,displayName").top(100).get();
  const pages = new PageIterator(client, first, (user) => {
    assert.ok(!seen.has(user.id), "a user came twice");
    seen.add(user.id);
    return true;
  });
  await pages.iterate();
  return seen.size;
};
const person = (alias) => ({
  accountEnabled: true,
  displayName: `${alias} O'Foreign`,
  mailNickname: alias,
  userPrincipalName: `${alias}@contoso.com`,
  usageLocation: "GB",
  passwordProfile: { password: "Tr4vel-Lamp-91!", forceChangePasswordNextSignIn: true },
});
const refused = async (promise, status, code, words) => {
  const error = await promise.then(() => assert.fail("not refused"), (error) => error);
  assert.ok(error instanceof GraphError, error);
  assert.equal(error.statusCode, status);
  assert.equal(error.code, code);
  assert.match(error.message, words);
  assert.ok(error.requestId, "an error names its request");
};

const before = await listed();
assert.ok(before > 250, `${before}`);
say(`${before} users in pages`);

let round = await client.api("/users/delta").query({ $deltatoken: "latest" }).get();
assert.deepEqual(round.value, []);
let link = round["@odata.deltaLink"];
const follow = async (link) => {
  const items = [];
  for (;;) {
    const page = await client.api(link).get();
    items.push(...page.value);
    if (page["@odata.deltaLink"]) return [items, page["@odata.deltaLink"]];
    link = page["@odata.nextLink"];
  }
};

const made = await client.api("/users").post(person("js.ada"));
assert.equal((await client.api("/users/js.ada@contoso.com").get()).id, made.id);
assert.equal(await client.api(`/users/${made.id}`).patch({ jobTitle: "Engineer" }), undefined);
const found = await client.api("/users").filter("displayName eq 'js.ada O''Foreign'").select("id,jobTitle").get();
assert.deepEqual(found.value, [{ id: made.id, jobTitle: "Engineer" }]);
const searched = await client.api("/users").header("ConsistencyLevel", "eventual").search('"displayName:js"').orderby("displayName").count().get();
assert.equal(searched["@odata.count"], 1);
const ended = await client.api("/users/$count").header("ConsistencyLevel", "eventual").filter("endsWith(userPrincipalName,'a@contoso.com')").get();
assert.equal(Number(ended), 1);
say("user created, read, updated, found, searched for and counted");

await refused(client.api("/users").post(person("js.ada")), 400, "Request_BadRequest", /already exists/);
await refused(client.api("/users/nobody@contoso.com").get(), 404, "Request_ResourceNotFound", /does not exist/);
await refused(client.api("/users").filter("contains(surname,'x')").get(), 400, "Request_UnsupportedQuery", /contains/);
say("errors understood");

let items;
[items, link] = await follow(link);
assert.deepEqual(items.map((item) => item.id), [made.id]);
say("delta");

const steps = [0, 1, 2, 3, 4].map((number) => ({
  id: `${number}`,
  request: new Request(`${graphUrl}/v1.0/users`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(person(`js.b${number}`)),
  }),
}));
steps.push({ id: "missing", request: new Request(`${graphUrl}/v1.0/users/nobody@contoso.com`) });
const content = await new BatchRequestContent(steps).getContent();
// It knows the addresses of Microsoft's clouds alone; relative ones are what the service takes.
for (const request of content.requests) request.url = request.url.replace(/^.*\/v1\.0(?=\/)/, "");
const answers = new BatchResponseContent(await client.api("/$batch").post(content));
for (const [id, answer] of answers.getResponses()) assert.equal(answer.status, id === "missing" ? 404 : 201, id);
assert.equal(await listed(), before + 6);
say("batch");

const group = await client.api("/groups").post({
  displayName: "Node",
  mailEnabled: false,
  mailNickname: "node",
  securityEnabled: true,
  "members@odata.bind": [`${graphUrl}/v1.0/users/${made.id}`],
});
const other = await client.api("/users/js.b0@contoso.com").get();
await client.api(`/groups/${group.id}/members/$ref`).post({ "@odata.id": `${graphUrl}/v1.0/directoryObjects/${other.id}` });
const members = await client.api(`/groups/${group.id}/members/microsoft.graph.user`).select("id").get();
assert.deepEqual(members.value.map((member) => member.id), [made.id, other.id]);
await client.api(`/groups/${group.id}/members/${other.id}/$ref`).delete();
const belongs = await client.api(`/users/${made.id}/getMemberGroups`).post({ securityEnabledOnly: true });
assert.deepEqual(belongs.value, [group.id]);
const groups = await client.api("/groups/delta").select("displayName,members").get();
const links = groups.value.find((one) => one.id === group.id)["members@delta"];
assert.deepEqual(links, [{ "@odata.type": "#microsoft.graph.user", id: made.id }]);
say("group with members");

const { value: [sku] } = await client.api("/subscribedSkus").get();
const licensed = await client.api(`/users/${made.id}/assignLicense`).post({ addLicenses: [{ skuId: sku.skuId, disabledPlans: [] }], removeLicenses: [] });
assert.equal(licensed.id, made.id);
const { assignedLicenses } = await client.api(`/users/${made.id}`).select("assignedLicenses").get();
assert.deepEqual(assignedLicenses, [{ skuId: sku.skuId, disabledPlans: [] }]);
say("licence");

const application = await client.api("/applications").post({ displayName: "Node", keyCredentials: [] });
const principal = await client.api("/servicePrincipals").post({ appId: application.appId });
assert.equal((await client.api(`/servicePrincipals(appId='${application.appId}')`).get()).id, principal.id);
const { secretText } = await client.api(`/applications/${application.id}/addPassword`).post({ passwordCredential: { displayName: "Node" } });
const own = new ClientSecretCredential(tenant.tenant_id, application.appId, secretText, {
  authorityHost: tenant.authority_url.replace(/\/$/, ""),
  disableInstanceDiscovery: true,
});
assert.ok((await own.getToken(scopes)).token);
const extension = await client.api(`/applications/${application.id}/extensionProperties`).post({ name: "badge", dataType: "String", targetObjects: ["User"] });
assert.equal(extension.name, `extension_${application.appId.replaceAll("-", "")}_badge`);
await client.api(`/users/${made.id}`).patch({ [extension.name]: "B-7" });
const badged = await client.api("/users").filter(`${extension.name} eq 'B-7'`).select(`id,${extension.name}`).get();
assert.deepEqual(badged.value, [{ id: made.id, [extension.name]: "B-7" }]);
await client.api(`/applications/${application.id}`).delete();
say("application with a secret and an extension");

await client.api(`/users/${made.id}`).delete();
const binned = await client.api("/directory/deletedItems/microsoft.graph.user").get();
assert.ok(binned.value.some((one) => one.id === made.id));
[items, link] = await follow(link);
assert.deepEqual(items.find((item) => item.id === made.id), { id: made.id, "@removed": { reason: "changed" } });
const back = await client.api(`/directory/deletedItems/${made.id}/restore`).post({});
assert.equal(back["@odata.type"], "#microsoft.graph.user");
assert.equal((await client.api(`/users/${made.id}`).get()).jobTitle, "Engineer");
const kept = await client.api(`/users/${made.id}`).select("assignedLicenses").get();
assert.deepEqual(kept.assignedLicenses, assignedLicenses, "the licence comes back");
const memberships = await client.api(`/users/${made.id}/memberOf`).get();
assert.deepEqual(memberships.value.map((one) => one.id), [group.id], "and the membership");
await client.api(`/users/${made.id}`).delete();
await client.api(`/directory/deletedItems/${made.id}`).delete();
say("deleted, restored, deleted for good");

await client.api(`/groups/${group.id}`).delete();
for (const number of [0, 1, 2, 3, 4]) await client.api(`/users/js.b${number}@contoso.com`).delete();
assert.equal(await listed(), before);
say("all steps");
