// What to send for what people say about the faces that they chose.

/** All of `ids` are one person: each is the same as the one before. */
export function likenesses(ids) {
  return ids.slice(1).map((id, position) => ({ verdict: "same", faces: [ids[position], id] }));
}

/**
 * `ids` are different people. If they were counted as several persons, those persons are meant, and one
 * face stands for each; if they were counted as one, each face is somebody else.
 */
export function differences(ids, found) {
  const personOf = new Map(
    found.persons.flatMap((person, number) => person.faces.map((face) => [face.id, `person ${number}`])),
  );
  const first = new Map();
  for (const id of ids) {
    const person = personOf.get(id) ?? `face ${id}`; // one that was left out is its own
    if (!first.has(person)) first.set(person, id);
  }
  const apart = first.size > 1 ? [...first.values()] : ids;
  return apart.flatMap((one, position) =>
    apart.slice(position + 1).map((other) => ({ verdict: "different", faces: [one, other] })));
}

/** None of `ids` is a person. */
export function noPersons(ids) {
  return ids.map((id) => ({ verdict: "not_a_person", faces: [id] }));
}
