// Asks a running service with the types that openapi-typescript makes of its description.

import type { components, paths } from "./service.js";

type Operation = paths["/person_count"]["get"];
type Question = Operation["parameters"]["query"];
type Count = Operation["responses"][200]["content"]["application/json"];
type Refusal = components["schemas"]["Error"];

declare const process: { argv: string[] }; // instead of all of Node's types

const [base, ...files] = process.argv.slice(2);
const question: Question = { filepath: files, threshold: "0.2" };

const query = new URLSearchParams(question.filepath.map((name) => ["filepath", name]));
query.set("threshold", String(question.threshold));
const response = await fetch(`${base}/person_count?${query}`);
const count = (await response.json()) as Count;
const persons: number = count.person_num;

// @ts-expect-error - the description has no such member: types that allow anything end here
count.number_of_persons;

const refused = await fetch(`${base}/person_count?filepath=none.png`);
const refusal = (await refused.json()) as Refusal;
const status: number = refusal.cord;

console.log(JSON.stringify([persons, count.threshold, status, refusal.error]));
