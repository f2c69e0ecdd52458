// A client of the portal API. schema.d.ts is generated from the contract.
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];

/** newReader returns a client of the API at address that sends the token with every request. */
export function newReader(address: string, token: string): Client<paths> {
  return createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });
}

/** A Failure is an answer that is not 200. Its message is for users, in Dutch. */
export class Failure extends Error {
  constructor(readonly problem: Schemas["Problem"]) {
    super(problem.detail ? `${problem.title}. ${problem.detail}` : problem.title);
  }
}

/** value returns the answer, or throws a Failure. */
export function value<T>(answer: { data?: T; error?: Schemas["Problem"] }): T {
  if (answer.data === undefined) {
    throw answer.error ? new Failure(answer.error) : new Error("the portal API gave no answer");
  }
  return answer.data;
}
