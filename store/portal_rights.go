package store

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// How the rights of a request travel.
//
// A transaction of the portal begins with [identify], which calls the SQL function of that name
// (migration 016). The function runs with the owner's rights, finds the user's grants that count
// today, returns a row for each dossier that the user may open, and leaves its findings in settings
// that end with the transaction, so that a pooler may hand the connection to another user:
//
//	dossiersync.tenant    the tenant's id
//	dossiersync.user      the user's id
//	dossiersync.scope     the scope of the token under which the portal's server manages grants,
//	                      or empty
//	dossiersync.opened    text[] of the clients whose dossier the user may open
//	dossiersync.managed   text[] of those of them whose contacts and access log the user may see
//	dossiersync.readable  text[] of "client part" for each part that the user may read, and of
//	                      "client contacts" for managers; without clients who have died
//	dossiersync.withheld  text[] of the keys of those clients' items that operators withhold, and
//	                      of items that may hold words of these
//
// A client whom an operator withholds is in none of them: see withhold.go.
//
// Two walls compare rows with these settings. The policies of row-level security hold in every
// statement of the portal's role, so that a forgotten condition shows nothing (I8). The conditions
// below repeat them in the statements, for three reasons: they are evaluated once and before any row
// is read, they also hold for [Store.Why], which reads as the owner, and they hide parts whose rules
// are being applied anew. Where identify was not called, a setting is NULL, or empty if an earlier
// transaction of the session had set it; nullif makes both NULL, and a comparison with NULL shows
// nothing.

// identify is the statement that begins a read; see above. It also makes the transaction keep
// generic plans, because planning each statement would take longer than running it.
const identify = `
	SELECT d.client, coalesce(d.name, ''), d.role, d.manager, d.parts, d.version, d.deceased,
	       d.change, d.user_name
	FROM identify(@tenant, @user, @client, @scope) d`

// args returns the arguments of identify: client "" stands for every client, noClient for none.
func (id Identity) args(scope, client string) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"tenant": id.Tenant, "user": id.User, "scope": scope, "client": client}
}

// noClient is an id that no client has.
const noClient = " "

// scopeGrants is the token scope with which a portal manages grants; the policies of table grants
// compare dossiersync.scope with it.
const scopeGrants = "dossier:grants"

// mayOpen and mayManage are true if the user may open the dossier of @client, or manages it. They
// name no column, so PostgreSQL evaluates them once: a statement about a foreign client reads no row
// and takes as long as one about a client who does not exist (I8).
const (
	mayOpen   = `@client = ANY (nullif(current_setting('dossiersync.opened', true), '')::text[])`
	mayManage = `@client = ANY (nullif(current_setting('dossiersync.managed', true), '')::text[])`
)

// readable is true for items i of @client that the user may read now. Every statement of the portal
// on items includes it. A part is left out while one of the streams that feed it is read again
// under changed rules, which may hide more.
var readable = mayOpen + `
	AND i.state = 'shown'
	-- The sub-select makes PostgreSQL parse the setting once, and not for each row.
	AND @client || ' ' || i.part = ANY (
		(SELECT nullif(current_setting('dossiersync.readable', true), '')::text[])::text[])
	AND i.key <> ALL (
		(SELECT nullif(current_setting('dossiersync.withheld', true), '')::text[])::text[])
	AND i.part <> ALL (ARRAY(
		SELECT f.part
		FROM cursors c
		JOIN ` + feeds() + ` f (stream, part) ON f.stream = c.stream
		WHERE c.tenant = @tenant
		  AND c.client = ''
		  AND c.rechecking))`

// feeds returns a VALUES list with a row (stream, part) for each part that a stream feeds. The
// stream of clients feeds every part.
func feeds() string {
	var rows []string
	for _, part := range append(dossier.Parts(), dossier.PartContacts) {
		for _, stream := range append(part.Streams(), dossier.StreamClients) {
			rows = append(rows, fmt.Sprintf("('%s', '%s')", stream, part))
		}
	}
	return "(VALUES " + strings.Join(rows, ", ") + ")"
}
