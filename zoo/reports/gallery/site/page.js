// What parts of a room's page share.

export const find = (id) => document.getElementById(id);

// A text as Python, and as shells, read it back.
export const quoted = (text) => JSON.stringify(text);
export const word = (text) => (/^[\w.,:@/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// Shows what went wrong, an error or a sentence, or with null that nothing did.
export function tell(error) {
  find("told").textContent = error ? error.message ?? String(error) : "";
  find("told").hidden = !error;
  if (error) find("loading").hidden = true;
}

// Runs the latest of several calls: those that came while one was running are one.
export function latest(task) {
  let running = false;
  let again = false;
  return async function call() {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      try {
        await task();
      } catch (error) {
        tell(error);
      }
    }
    running = false;
  };
}

// A range input with the output beside it.
export function slider(id, shown, changed) {
  const [input, output] = [find(id), document.querySelector(`output[for=${id}]`)];
  input.addEventListener("input", () => {
    output.textContent = shown(Number(input.value));
    changed();
  });
  return input;
}
