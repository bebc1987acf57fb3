type SnippetOf = { name: string; intro: string; text: (origin: string, secret: string) => string }

/** Ways to send a first event with tools that are usually installed. */
export const SNIPPETS: SnippetOf[] = [
  {
    name: 'curl',
    intro: 'One JSON object a line; only message is required.',
    text: (origin, secret) => `curl ${origin}/api/v1/ingest \\
  -H 'Authorization: Bearer ${secret}' \\
  -H 'Content-Type: application/x-ndjson' \\
  --data-binary '{"message": "payment 4711 declined: card expired", "level": "error", "service": "checkout"}'`,
  },
  {
    name: 'Python',
    intro: 'The standard library is enough.',
    text: (origin, secret) => `import json, traceback, urllib.request

def send(**event):
    urllib.request.urlopen(urllib.request.Request(
        "${origin}/api/v1/ingest",
        data=json.dumps(event).encode() + b"\\n",
        headers={"Authorization": "Bearer ${secret}",
                 "Content-Type": "application/x-ndjson"}))

try:
    1 / 0
except ZeroDivisionError as error:
    send(level="error", service="checkout", message=str(error), exception={
        "type": type(error).__name__, "message": str(error),
        "stacktrace": traceback.format_exc()})`,
  },
  {
    name: 'Node.js',
    intro: 'Node 18 or newer, without a package.',
    text: (origin, secret) => `const send = (event) =>
  fetch('${origin}/api/v1/ingest', {
    method: 'POST',
    headers: { Authorization: 'Bearer ${secret}', 'Content-Type': 'application/x-ndjson' },
    body: JSON.stringify(event) + '\\n',
  })

try {
  null.price
} catch (error) {
  await send({
    level: 'error', service: 'checkout', message: error.message,
    exception: { type: error.name, message: error.message, stacktrace: error.stack },
  })
}`,
  },
]
