// The types of the API, taken from the responses of its paths, so that the app does not depend on the names of
// schemas.
import type { Answer, Query } from './client'
import type { paths } from './schema'

export type Issue = Answer<'/api/v1/issues', 'get'>['items'][number]
export type IssueDetail = Answer<'/api/v1/issues/{id}', 'get'>
export type IssuePage = Answer<'/api/v1/issues', 'get'>
export type IssueQuery = NonNullable<Query<'/api/v1/issues', 'get'>>
export type IssueStatus = Issue['status']
export type Level = Issue['level']
export type Event = Answer<'/api/v1/issues/{id}/events', 'get'>['items'][number]
export type Exception = NonNullable<Event['exception']>
export type Frame = NonNullable<Exception['frames']>[number]
export type Trend = Answer<'/api/v1/issues/{id}/trend', 'get'>
export type Statistics = Answer<'/api/v1/statistics', 'get'>
export type TopIssue = Statistics['top_issues'][number]
export type Source = Answer<'/api/v1/sources', 'get'>['items'][number]
export type Health = Source['health']
export type Poll = Answer<'/api/v1/sources/{id}/polls', 'get'>['items'][number]
export type Project = Answer<'/api/v1/projects', 'get'>['items'][number]
export type Key = Answer<'/api/v1/projects/{slug}/keys', 'get'>['items'][number]
export type NewKey = Answer<'/api/v1/projects/{slug}/keys', 'post'>
export type User = Answer<'/api/v1/session', 'get'>
export type Role = User['role']
export type Backups = Answer<'/api/v1/backups', 'get'>
export type Drill = Backups['drills'][number]
type StreamEvent = paths['/api/v1/stream']['get']['responses'][200]['content']['text/event-stream']
export type LiveIssue = Extract<StreamEvent, { title: string }>
export type LiveCounts = Extract<StreamEvent, { minutes: unknown }>
export type Readiness = Answer<'/readyz', 'get'>

/** Most severe first. */
export const LEVELS = [
  'fatal',
  'error',
  'warning',
  'info',
  'debug',
  'trace',
] as const satisfies readonly Level[]
export const STATUSES = ['open', 'resolved', 'ignored'] as const satisfies readonly IssueStatus[]
export const ROLES = ['viewer', 'member', 'admin'] as const satisfies readonly Role[]

/** Whether a user has at least this role. */
export function atLeast(user: Pick<User, 'role'> | null | undefined, role: Role): boolean {
  return user != null && ROLES.indexOf(user.role) >= ROLES.indexOf(role)
}
