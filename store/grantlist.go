package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// GrantsPut says what storing all grants has changed.
type GrantsPut struct {
	Changed int64 `json:"changed"` // new, or other than before
	Revoked int64 `json:"revoked"` // there before, and not in the list
}

// PutGrants stores all grants of the portal's tenant: those in the list are as
// they say, and every other is revoked. With it a database that was restored from
// a backup may be read again. Each change is logged as e with its client and user,
// and, where the log fails, nothing is stored. by is as with [Reader.PutGrant].
func (r *Reader) PutGrants(ctx context.Context, id Identity, all []Grant, by string, log *AccessLog, e AccessEvent) (GrantsPut, error) {
	var out GrantsPut
	err := r.asPortal(ctx, id, func(tx pgx.Tx) error {
		put, err := putAll(ctx, tx, id.Tenant, all, by)
		if err != nil {
			return err
		}
		revoked, err := revokeOthers(ctx, tx, id.Tenant, all, by)
		if err != nil {
			return err
		}
		out = GrantsPut{int64(len(put)), int64(len(revoked))}
		if _, err := tx.Exec(ctx, `SELECT grants_received()`); err != nil {
			return err
		}
		events := append(grantEvents(e, "change", put), grantEvents(e, "delete", revoked)...)
		e.Query = fmt.Sprintf("changed=%d&revoked=%d", len(put), len(revoked))
		for some := range slices.Chunk(append(events, e), 1000) {
			if err := log.within(ctx, tx, some...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return GrantsPut{}, fmt.Errorf("put the grants of %s: %w", id.Tenant, err)
	}
	return out, nil
}

// holder is whose grant on which client it is.
type holder struct{ client, user string }

func grantEvents(e AccessEvent, action string, of []holder) []AccessEvent {
	list := make([]AccessEvent, 0, len(of))
	for _, h := range of {
		one := e
		one.Action, one.Client, one.Object = action, h.client, h.user
		list = append(list, one)
	}
	return list
}

func scanHolder(row pgx.CollectableRow) (holder, error) {
	var h holder
	err := row.Scan(&h.client, &h.user)
	return h, err
}

// putAll stores the grants and returns those that changed.
func putAll(ctx context.Context, tx pgx.Tx, tenant string, all []Grant, by string) ([]holder, error) {
	const q = `
		INSERT INTO grants (tenant, client, user_id, role, manager, parts, state, valid_from, valid_until, contact, name, updated_by)
		SELECT @tenant, client, user_id, role, manager, string_to_array(parts, ','), state,
			valid_from, valid_until, contact, name, @by
		FROM unnest(@clients::text[], @users::text[], @roles::text[], @managers::bool[], @parts::text[], @states::text[],
			@froms::date[], @untils::date[], @contacts::text[], @names::text[])
			g (client, user_id, role, manager, parts, state, valid_from, valid_until, contact, name)
		ON CONFLICT (tenant, user_id, client) DO UPDATE
		SET role = excluded.role, manager = excluded.manager, parts = excluded.parts, state = excluded.state,
			valid_from = excluded.valid_from, valid_until = excluded.valid_until, contact = excluded.contact,
			name = excluded.name, version = grants.version + 1, updated_at = now(), updated_by = excluded.updated_by
		WHERE (grants.role, grants.manager, grants.parts, grants.state, grants.valid_from, grants.valid_until,
				grants.contact, grants.name)
			IS DISTINCT FROM (excluded.role, excluded.manager, excluded.parts, excluded.state, excluded.valid_from,
				excluded.valid_until, excluded.contact, excluded.name)
		RETURNING client, user_id`
	var c struct {
		clients, users, roles, parts, states []string
		managers                             []bool
		froms, untils                        []*time.Time
		contacts, names                      []*string
	}
	for i := range all {
		g := &all[i]
		c.clients, c.users = append(c.clients, g.Client), append(c.users, g.User)
		c.roles, c.states = append(c.roles, string(g.Role)), append(c.states, string(g.State))
		c.managers, c.parts = append(c.managers, g.Manager), append(c.parts, joinParts(g.Parts))
		c.froms, c.untils = append(c.froms, g.From), append(c.untils, g.Until)
		c.contacts, c.names = append(c.contacts, g.Contact), append(c.names, g.Name)
	}
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "by": by, "clients": c.clients, "users": c.users,
		"roles": c.roles, "managers": c.managers, "parts": c.parts, "states": c.states,
		"froms": c.froms, "untils": c.untils, "contacts": c.contacts, "names": c.names})
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanHolder)
	return list, awaitedTenant(err)
}

// revokeOthers revokes every grant that is not in the list, and returns those that
// were not revoked already.
func revokeOthers(ctx context.Context, tx pgx.Tx, tenant string, all []Grant, by string) ([]holder, error) {
	const q = `
		UPDATE grants g SET state = 'revoked', version = version + 1, updated_at = now(), updated_by = @by
		WHERE g.tenant = @tenant AND g.state <> 'revoked' AND NOT EXISTS (
			SELECT FROM unnest(@clients::text[], @users::text[]) x (client, user_id)
			WHERE x.client = g.client AND x.user_id = g.user_id)
		RETURNING client, user_id`
	clients, users := make([]string, len(all)), make([]string, len(all))
	for i := range all {
		clients[i], users[i] = all[i].Client, all[i].User
	}
	rows, err := tx.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "by": by, "clients": clients, "users": users})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanHolder)
}

func joinParts(parts []Part) string {
	s := ""
	for i, p := range parts {
		if i > 0 {
			s += ","
		}
		s += string(p)
	}
	return s
}
