import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ROLES, type Role, type User } from '@/api/model'
import { addUser, changeUser, usersQuery } from '@/api/users'
import { Button } from '@/components/Button'
import { Field, Select } from '@/components/Field'
import { Icon } from '@/components/Icon'
import { Loaded } from '@/components/Loaded'
import { Card, ErrorNotice, SkeletonRows } from '@/components/states'
import '@/components/table.css'

const ROLE_WORDS: Record<Role, string> = {
  viewer: 'viewer: reads',
  member: 'member: reads and changes issues and sources',
  admin: 'admin: all of it, and people and keys',
}

/** Users and their roles. */
export function Users({ me }: { me: User }) {
  const query = useQuery(usersQuery)
  const [isAdding, setIsAdding] = useState(false)
  const add = !isAdding && (
    <Button look="small" onClick={() => setIsAdding(true)}>
      <Icon name="plus" size={13} /> Add a person
    </Button>
  )
  return (
    <Card title="People" side={add} flush>
      {isAdding && <AddUser onDone={() => setIsAdding(false)} />}
      <Loaded query={query} what="People" skeleton={<SkeletonRows what="people" rows={3} />}>
        {(users) => (
          <div className="table-wrap">
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Role</th>
                  <th scope="col">
                    <span className="hidden-visually">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {users.map((user) => (
                  <UserRow key={user.id} user={user} isMe={user.id === me.id} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Loaded>
    </Card>
  )
}

function UserRow({ user, isMe }: { user: User; isMe: boolean }) {
  const queryClient = useQueryClient()
  const change = useMutation({
    mutationFn: (body: { role?: Role; disabled?: boolean }) => changeUser(user.id, body),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: usersQuery.queryKey }),
  })
  const isOff = user.disabled_at != null
  return (
    <tr className={isOff ? 'settings__off' : undefined}>
      <td className="wide">
        {user.name} {isMe && <span className="faint">(you)</span>}
        <span className="small muted settings__email">{user.email}</span>
        <ErrorNotice error={change.error} />
      </td>
      <td className="settings__role">
        {/* Users cannot remove their own rights by accident. */}
        <Select
          label={`Role of ${user.name}`}
          value={user.role}
          disabled={isMe || change.isPending}
          onChange={({ target }) => change.mutate({ role: target.value as Role })}
        >
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {role}
            </option>
          ))}
        </Select>
      </td>
      <td className="number">
        {!isMe && (
          <Button
            look={isOff ? 'small' : ['small', 'danger']}
            disabled={change.isPending}
            onClick={() => change.mutate({ disabled: !isOff })}
            aria-label={`${isOff ? 'Enable' : 'Disable'} ${user.name}`}
          >
            {isOff ? 'Enable' : 'Disable'}
          </Button>
        )}
      </td>
    </tr>
  )
}

function AddUser({ onDone }: { onDone: () => void }) {
  const queryClient = useQueryClient()
  const add = useMutation({
    mutationFn: (form: FormData) => {
      const field = (name: string) => String(form.get(name))
      return addUser({
        name: field('name').trim(),
        email: field('email').trim(),
        role: field('role') as Role,
        password: field('password'),
      })
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: usersQuery.queryKey })
      onDone()
    },
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    add.mutate(new FormData(event.currentTarget))
  }

  return (
    <form className="settings__person" onSubmit={submit} aria-label="Add a person">
      <Field label="Name" name="name" required maxLength={200} autoComplete="off" autoFocus />
      <Field label="Email" name="email" type="email" required autoComplete="off" />
      <Field
        label="First password"
        name="password"
        type="text"
        required
        minLength={10}
        maxLength={200}
        autoComplete="off"
        hint="At least 10 characters. Hand it over in person."
      />
      <div className="field">
        <span className="small">Role</span>
        <Select label="Role" name="role" defaultValue="member">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {ROLE_WORDS[role]}
            </option>
          ))}
        </Select>
      </div>
      <ErrorNotice error={add.error} />
      <div className="row">
        <Button type="submit" look="primary" disabled={add.isPending}>
          Add
        </Button>
        <Button onClick={onDone}>Cancel</Button>
      </div>
    </form>
  )
}
