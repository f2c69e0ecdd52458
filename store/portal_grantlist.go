package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// GrantList is a stream of all grants of a tenant.
type GrantList struct {
	Next func() (*Grant, error) // the next grant; nil after the last
	// End returns what the list says of itself. It is called after the last grant.
	End func() ListEnd
}

// ListEnd is what a list of all grants says of itself.
type ListEnd struct {
	AsOf time.Time // when the portal took the list, by the portal's clock
	// Confirmed is how many grants the portal knows that the list takes away.
	Confirmed int64
}

// GrantsPut counts the grants that a list has changed.
type GrantsPut struct {
	Changed int64 `json:"changed"` // stored: new, or other than before
	Revoked int64 `json:"revoked"` // not in the list
	Kept    int64 `json:"kept"`    // in the list, and left as they were although the list differs
}

// ErrListBusy reports that another list of the tenant's grants is being stored.
var ErrListBusy = fmt.Errorf("%w: another list of grants is being stored", ErrUnavailable)

// ErrListAsOf reports that the time at which a list was taken is in the future, or before the restore
// of the backup that made the list necessary.
var ErrListAsOf = errors.New("the list is of the future, or from before the restore")

// ExcessiveListError reports that a list would revoke more than ten grants, more than a tenth of those
// that are not revoked, and more than was confirmed.
type ExcessiveListError struct {
	Revokes int64 // grants that would be revoked
	Of      int64 // grants that are not revoked
}

func (e *ExcessiveListError) Error() string {
	return fmt.Sprintf("the list revokes %d of %d grants", e.Revokes, e.Of)
}

func isExcessive(err error) bool {
	_, ok := errors.AsType[*ExcessiveListError](err)
	return ok
}

// PutGrants stores all grants of the portal's tenant: it stores the grants in the list and revokes
// every other grant. If the tenant was waiting for them after a restore, its dossiers can be read
// again. Each change is logged as e with the grant's client and user; where the log cannot be
// written, nothing is stored. by is as with [Portal.PutGrant].
//
// A grant stays revoked, whatever the list says, if this program revoked it because the client was
// merged or removed, or if the portal revoked it after the list was taken; [Portal.PutGrant] gives it
// again. Every other change after the list was taken is kept too. The portal's clock and the
// database's may differ by a minute; within it, the choice is to show less.
//
// A list that has a grant twice fails. One that revokes many fails with an [ExcessiveListError].
//
// PutGrants holds a connection while it reads the list, but none of those that serve other requests. It
// keeps no more than a few grants in memory.
func (p *Portal) PutGrants(
	ctx context.Context, id Identity, all GrantList, by string, e AccessEvent,
) (GrantsPut, error) {
	var out GrantsPut
	var listErr error // a fault of the list, not of the database
	err := inTx(ctx, p.lists, func(tx pgx.Tx) error {
		var mine bool
		args := p.tenantArgs(purposeGrants, id)
		if err := tx.QueryRow(ctx, `SELECT portal_begin_list`+parameters(len(args)), args...).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			return ErrListBusy
		}
		var err error
		if listErr, err = p.sendList(ctx, tx, id, all); listErr != nil || err != nil {
			return errors.Join(listErr, err)
		}
		out, err = p.endList(ctx, tx, id, all.End(), by, e)
		return err
	})
	if listErr == nil {
		listErr = awaitedTenant(classify(err))
	}
	if listErr != nil {
		return GrantsPut{}, fmt.Errorf("put the grants of %s: %w", id.Tenant, listErr)
	}
	return out, nil
}

// bunchSize is how many grants of a list are sent at once.
const bunchSize = 1000

// sendList sends the list to the database. listErr is an error of the list itself.
func (p *Portal) sendList(
	ctx context.Context, tx pgx.Tx, id Identity, all GrantList,
) (listErr, err error) {
	for first := int64(0); ; {
		var b bunch
		for len(b.users) < bunchSize {
			g, err := all.Next()
			if err != nil {
				return err, nil
			}
			if g == nil {
				break
			}
			b.add(g)
		}
		if len(b.users) == 0 {
			return nil, nil
		}
		args := p.tenantArgs(purposeGrants, id, b.args(first)...)
		if _, err := tx.Exec(ctx, `SELECT portal_add_to_list`+parameters(len(args)), args...); err != nil {
			return nil, err
		}
		first += int64(len(b.users))
	}
}

// bunch is some grants of a list, column by column.
type bunch struct {
	clients, users, parts []string
	roles                 []Role
	managers              []bool
	states                []GrantState
	froms, untils         []*time.Time
	contacts, names       []*string
}

func (b *bunch) add(g *Grant) {
	parts := make([]string, len(g.Parts))
	for i, p := range g.Parts {
		parts[i] = string(p)
	}
	b.clients, b.users = append(b.clients, g.Client), append(b.users, g.User)
	b.roles, b.managers = append(b.roles, g.Role), append(b.managers, g.Manager)
	b.parts, b.states = append(b.parts, strings.Join(parts, " ")), append(b.states, g.State)
	b.froms, b.untils = append(b.froms, g.From), append(b.untils, g.Until)
	b.contacts, b.names = append(b.contacts, g.Contact), append(b.names, g.Name)
}

// args returns the arguments of function portal_add_to_list. first is the place of the first grant.
func (b *bunch) args(first int64) []any {
	return []any{first, b.clients, b.users, b.roles, b.managers, b.parts, b.states, b.froms, b.untils, b.contacts, b.names}
}

// endList makes the tenant's grants equal to the list that was sent. It fails with [ErrListAsOf] if the
// list cannot be as of that time, and with an [ExcessiveListError].
func (p *Portal) endList(
	ctx context.Context, tx pgx.Tx, id Identity, end ListEnd, by string, e AccessEvent,
) (out GrantsPut, err error) {
	args := p.tenantArgs(purposeGrants, id, end.AsOf, end.Confirmed, by, e.Event, e.AccessPoint,
		e.UserName, SystemUser)
	q := `
		SELECT possible, coalesce(excessive, false), coalesce(total, 0), coalesce(taken, 0),
		       coalesce(changed, 0), coalesce(revoked, 0), coalesce(kept, 0)
		FROM portal_end_list` + parameters(len(args))
	var possible, excessive bool
	var total, taken int64
	err = tx.QueryRow(ctx, q, args...).Scan(
		&possible, &excessive, &total, &taken, &out.Changed, &out.Revoked, &out.Kept)
	switch {
	case err != nil:
		return out, err
	case !possible:
		return out, ErrListAsOf
	case excessive:
		return out, &ExcessiveListError{Revokes: taken, Of: total}
	}
	return out, nil
}
