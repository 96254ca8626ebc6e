// LocalAI's own script, as it was at each commit, on pushes that are told to it instead of GitHub.
//
// argv: a file of jobs, each {script, cwd, matrix, proto, files, previous: {matrix, proto}}; prints
// a line of JSON for each: the ids of the rows that it builds, or {error}. What the script imports
// are stand-ins: the matrix is JSON already, and the client answers from the job.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const write = process.stdout.write.bind(process.stdout);
console.log = console.warn = console.error = () => {};

globalThis.answer = (route, parameters) => {
  const { job } = globalThis;
  if (route.includes("/compare/")) {
    return { data: { files: job.files.map(filename => ({ filename })) } };
  }
  const data = job.previous[parameters.path];
  if (data === undefined) throw new Error("not there");
  return { data };
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
let number = 0;
for (const job of jobs) {
  globalThis.job = job;
  fs.mkdirSync(path.join(job.cwd, ".github"), { recursive: true });
  fs.mkdirSync(path.join(job.cwd, "backend"), { recursive: true });
  process.chdir(job.cwd);
  fs.copyFileSync(job.matrix, ".github/backend-matrix.yml");
  fs.writeFileSync("backend/backend.proto", job.proto);
  const event = {
    ref: "refs/heads/master", before: "b".repeat(40), after: "a".repeat(40),
    repository: { name: "LocalAI", owner: { login: "mudler" } },
  };
  fs.writeFileSync("event.json", JSON.stringify(event));
  fs.writeFileSync("output", "");
  process.env.GITHUB_EVENT_PATH = path.join(job.cwd, "event.json");
  process.env.GITHUB_OUTPUT = path.join(job.cwd, "output");
  try {
    await import(`${pathToFileURL(job.script)}?n=${number++}`);
    // The script does not tell when it is done; all that it waits for is answered at once.
    for (let turn = 0; turn < 5; turn++) await new Promise(done => setImmediate(done));
    const ids = [];
    for (const line of fs.readFileSync("output", "utf8").split("\n")) {
      const [name, ...rest] = line.split("=");
      if (!/^matrix/.test(name) || !rest.length) continue;
      for (const row of JSON.parse(rest.join("=")).include ?? []) {
        ids.push([row["tag-suffix"], row.platforms ?? ""]);
      }
    }
    write(JSON.stringify(ids) + "\n");
  } catch (error) {
    write(JSON.stringify({ error: String(error) }) + "\n");
  }
}
