// Prints the types of an OpenAPI document, which is given as an argument or, without one, is that of the API.
import openapiTS, { astToString } from "openapi-typescript";

const given = process.argv[2];
const document = given ? JSON.parse(given) : new URL("../../api-server/openapi.json", import.meta.url);
const text = astToString(await openapiTS(document));
process.stdout.write(`// Made from api-server/openapi.json by \`make generate\`.\n\n${text}`);
