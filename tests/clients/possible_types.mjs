// Which types an interface or union stands for: Apollo's cache needs it to read `... on Error`.
import { readFileSync } from "node:fs";
import { buildSchema, isAbstractType } from "graphql";

const schema = buildSchema(readFileSync(new URL("./schema.graphql", import.meta.url), "utf8"));
export const possibleTypes = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
);
