// Prints what a portal shows of the dossiers that a user may open: the newest cards, and the care
// plans in force. It reads page after page.
//
//	node example.js ADDRESS TOKEN
import { newReader, value, type Schemas } from "./index.js";

const [address, token] = process.argv.slice(2);
if (!address || !token) {
  console.error("usage: example ADDRESS TOKEN");
  process.exit(2);
}
const api = newReader(address, token);

for (const dossier of value(await api.GET("/v1/dossiers")).items) {
  console.log(`${dossier.name ?? dossier.client}, as ${dossier.roleLabel}`);
  await printCards(dossier.client);
  await printPlans(dossier.client);
}

/** printCards prints two pages of the time line, the newest first. */
async function printCards(client: string) {
  let cursor: string | undefined;
  for (let page = 0; page < 2; page++) {
    const list: Schemas["CardList"] = value(
      await api.GET("/v1/dossiers/{client}/timeline", { params: { path: { client }, query: { limit: 3, cursor } } }),
    );
    if (list.items.length === 0 && list.freshness.reasonSentence !== null) {
      console.log(" ", list.freshness.reasonSentence);
    }
    for (const card of list.items) {
      console.log(`  ${card.at.slice(0, 16).replace("T", " ")}  ${card.title}: ${card.excerpt}`);
    }
    if (list.page.nextCursor === null) {
      return;
    }
    cursor = list.page.nextCursor;
  }
}

async function printPlans(client: string) {
  const plans = value(
    await api.GET("/v1/dossiers/{client}/care-plans", { params: { path: { client }, query: { state: "current" } } }),
  );
  for (const { id } of plans.items) {
    const plan = value(await api.GET("/v1/dossiers/{client}/care-plans/{id}", { params: { path: { client, id } } }));
    console.log("  plan:", plan.item.title);
    for (const goal of plan.item.domains.flatMap((domain) => domain.goals)) {
      console.log("    goal:", goal.description);
    }
  }
}
