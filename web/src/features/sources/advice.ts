import type { Source } from '@/api/model'

/** What to do about a source that is not healthy; null if nothing. */
export function adviceFor({
  health,
  kind,
  failures,
}: Pick<Source, 'health' | 'kind' | 'failures'>): string | null {
  switch (health) {
    case 'failing':
      return `Squall keeps retrying; ${failures === 1 ? 'one attempt' : `${failures} attempts`} failed in a row. ${
        kind === 'file'
          ? 'Check that the path exists and that the user Squall runs as may read it.'
          : 'Check that it can be reached from here.'
      }`
    case 'silent':
      return 'It has stopped sending events. Check that the program still writes its log, and to this path.'
    case 'waiting':
      return kind === 'file'
        ? 'Nothing has been read yet. New lines appear within a second; if none do, check that the pattern matches a file that grows.'
        : 'Nothing has arrived yet. The overview shows how to send events with a project key.'
    default:
      return null
  }
}
