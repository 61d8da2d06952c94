// The order in which a person's faces are shown: as they join, so that doubtful ones come last.

/**
 * The faces of a person as [{face, link}]: first the two nearest, then always the face with the
 * nearest link to those before it (Prim's walk of the spanning tree). `link` is null for the first.
 */
export function inOrderOfJoining(person) {
  const faces = new Map(person.faces.map((face) => [face.id, face]));
  const start = person.links[0]?.faces[0] ?? person.faces[0].id;
  const order = [{ face: faces.get(start), link: null }];
  const inside = new Set([start]);
  const left = [...person.links]; // nearest first
  while (left.length > 0) {
    const position = left.findIndex((link) => link.faces.some((id) => inside.has(id)));
    const [link] = left.splice(position, 1);
    const next = link.faces.find((id) => !inside.has(id));
    inside.add(next);
    order.push({ face: faces.get(next), link });
  }
  return order;
}
