// Prints the types of an OpenAPI document: node types.mjs <file>
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const text = astToString(await openapiTS(pathToFileURL(process.argv[2] ?? "../../api-server/openapi.json")));
process.stdout.write(`// Made from api-server/openapi.json by \`make generate\`.\n\n${text}`);
