import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import type { FormEvent } from 'react'
import { sessionQuery, signIn } from '@/api/session'
import { Button } from '@/components/Button'
import { Entry } from '@/components/Entry'
import { Field } from '@/components/Field'
import { ErrorNotice } from '@/components/states'

/** Signs in, and leads back to the requested page. */
export function SignInPage() {
  const { next } = useSearch({ from: '/sign-in' })
  const queryClient = useQueryClient()
  const router = useRouter()
  const enter = useMutation({
    mutationFn: (form: FormData) =>
      signIn({ email: String(form.get('email')), password: String(form.get('password')) }),
    onSuccess: (user) => {
      queryClient.setQueryData(sessionQuery.queryKey, user)
      router.history.push(ownAddress(next))
    },
  })

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    enter.mutate(new FormData(event.currentTarget))
  }

  return (
    <Entry title="Sign in">
      <form onSubmit={submit}>
        <Field label="Email" name="email" type="email" autoComplete="username" required autoFocus />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
        <ErrorNotice error={enter.error} />
        <Button type="submit" look="primary" disabled={enter.isPending}>
          {enter.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <p className="small faint">No account, or the password is lost? An admin can help, under Settings.</p>
    </Entry>
  )
}

/** Only pages of this app: a link must not redirect to another site after signing in. */
export function ownAddress(next: string | undefined): string {
  return next?.startsWith('/') && !/^\/[/\\]/.test(next) ? next : '/'
}
