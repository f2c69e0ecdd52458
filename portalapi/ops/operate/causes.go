package operate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossiersync/store"
)

const (
	// noWorkerAfter is how long a slot may be due, or a run idle, without a worker.
	noWorkerAfter = time.Minute
	// heldLong is how long a set may be held before it is named first.
	heldLong = 7 * 24 * time.Hour
	// quarantineMany is how many items may come into quarantine within a day.
	quarantineMany = 20
	// overdueAfter is how long after the last complete reconcile the next is overdue. It is due
	// every day.
	overdueAfter = 3 * 24 * time.Hour
	// emptyMany is how many records of a type have to say nothing.
	emptyMany = 20
	// contradictedRuns is how many runs in a row a count has to contradict the replica.
	contradictedRuns = 2
	// named is how many of a list are named.
	named = 3
)

// runbook returns the address of the runbook's section.
func runbook(section string) string { return "deploy/RUNBOOK.md#" + strings.ToLower(section) }

// attentionSection is the section on causes that have no alert of their own.
const attentionSection = "DossiersyncAttention"

func awaitingErasures(_ *facts, _ *Tenant, s *Status) *Cause {
	if s.AwaitingErasures == nil {
		return nil
	}
	return &Cause{
		What:       "the database was restored from a backup, and earlier erasures have not been repeated",
		Since:      s.AwaitingErasures,
		ReadersSee: "nothing",
		Do:         "repeat the erasures",
		Command:    "dossiersync migrate --restored",
		Runbook:    runbook("DossiersyncAwaitingErasures"),
		extent:     since(s.AwaitingErasures),
	}
}

func awaitingGrants(_ *facts, _ *Tenant, s *Status) *Cause {
	if s.AwaitingGrants == nil {
		return nil
	}
	return &Cause{
		What:       "the database was restored from a backup, and the portal has not sent all grants again",
		Since:      s.AwaitingGrants,
		ReadersSee: "nothing",
		Do:         "ask the portal's operators to send all grants (PUT /v1/grants)",
		Runbook:    runbook("DossiersyncAwaitingGrants"),
		extent:     since(s.AwaitingGrants),
	}
}

// noWorker is a slot that is due, or a run that waits, while no worker is alive. A slot for which a
// command's own run has begun is served.
func noWorker(f *facts, t *Tenant, s *Status) *Cause {
	if f.queue.Worker || !s.Known {
		return nil
	}
	idle := f.queue.Tenants[t.ID].Idle
	due := f.dueFor(t)
	if s.Current != nil && idle == 0 {
		return nil
	}
	if ended := f.ended[t.ID]; len(ended) > 0 && ended[0].StartedAt != nil && !ended[0].StartedAt.Before(s.Now.Add(-due)) {
		due = 0
	}
	if due = max(due, idle); due <= noWorkerAfter {
		return nil
	}
	began := s.Now.Add(-due)
	what := "no worker is alive, and a run has been due"
	if s.Current != nil {
		what = fmt.Sprintf("no worker is alive, and run %d has not been worked on", s.Current.ID)
	}
	return &Cause{
		What:       what + " for " + Span(due),
		Since:      &began,
		ReadersSee: s.asBefore(),
		Do:         "start a worker (dossiersync serve), or bring the tenant up to date without one",
		Command:    "dossiersync sync --tenant " + t.ID,
		Runbook:    runbook("DossiersyncNoWorker"),
		extent:     store.Extent{"no worker": 1},
	}
}

func refused(_ *facts, t *Tenant, s *Status) *Cause {
	if s.Unreachable == nil || s.troubleKind != store.KindUnauthorized {
		return nil
	}
	return &Cause{
		What:       "the source refuses us: " + s.TroubleWords(),
		Since:      s.Unreachable,
		ReadersSee: s.asBefore(),
		Do: "check whether a secret or certificate of source.fhir.auth has expired, or a right was taken away; " +
			"put a new secret in its file, no restart is needed",
		Command: "dossiersync runs --tenant " + t.ID,
		Runbook: runbook("DossiersyncSourceUnreachable"),
		extent:  since(s.Unreachable),
	}
}

func sourceUnreachable(_ *facts, t *Tenant, s *Status) *Cause {
	switch s.troubleKind {
	case store.KindUnauthorized, store.KindThrottled:
		return nil
	}
	if s.Unreachable == nil {
		return nil
	}
	c := &Cause{
		What:       "the source cannot be read: " + s.TroubleWords(),
		Since:      s.Unreachable,
		ReadersSee: s.asBefore(),
		Do:         "find out whether the source or the network between is down; a run is tried again by itself",
		Command:    "dossiersync runs --tenant " + t.ID,
		Runbook:    runbook("DossiersyncSourceUnreachable"),
		extent:     since(s.Unreachable),
	}
	if s.troubleKind == store.KindNotFound {
		c.Do = "check source.fhir.base_url: nothing that is asked for exists at this address"
	}
	return c
}

// throttled is for information: the source asks for patience, and gets it.
func throttled(_ *facts, _ *Tenant, s *Status) *Cause {
	if s.Trouble == nil || s.troubleKind != store.KindThrottled {
		return nil
	}
	return &Cause{
		What:        s.TroubleWords(),
		Since:       s.Unreachable,
		ReadersSee:  s.asBefore(),
		Do:          "wait, or lower requests_per_second, or ask the supplier for a higher limit",
		Runbook:     runbook("DossiersyncSourceUnreachable"),
		Information: true,
		extent:      store.Extent{"throttled": 1},
	}
}

// typeUnreadable is a type that the last run could not read although it was read before or the
// configuration names it. A default type that the source does not know is no cause. While the whole
// source cannot be read, that is the cause.
func typeUnreadable(f *facts, t *Tenant, s *Status) *Cause {
	if s.Unreachable != nil {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(f.unread[t.ID]), func(u store.UnreadType) bool {
		unknown := u.Done || u.Kind == store.KindNotFound || u.Kind == store.KindUnsupported
		return !u.WasRead && !u.Named && unknown
	})
	if len(list) == 0 {
		return nil
	}
	extent := make(store.Extent)
	var words, see []string
	var first *time.Time
	for _, u := range list {
		extent[fmt.Sprintf("%s %s %s since %s", u.Stream, u.Type, u.Query, key(u.AsOf))] = 1
		words = append(words, fmt.Sprintf("%s (%s): %s", u.Type, u.Stream, u.Failure))
		reads := fmt.Sprintf("%s as of %s", u.Stream, s.moment(u.AsOf))
		if u.AsOf == nil {
			reads = fmt.Sprintf("no %s of type %s, which were never read to the end", u.Stream, u.Type)
		}
		see = append(see, reads)
		if u.AsOf != nil && (first == nil || u.AsOf.Before(*first)) {
			first = u.AsOf
		}
	}
	if first == nil {
		first = &list[0].Ended
	}
	slices.Sort(see)
	return &Cause{
		What: fmt.Sprintf("%s could not be read in run %d: %s", counted(int64(len(list)), "type"), list[0].Run,
			joined(words, "; ")),
		Since:      first,
		ReadersSee: joined(slices.Compact(see), ", "),
		Do: "ask the supplier for the right or the repair; leave a type out that the organisation does not have " +
			"(source.fhir.search)",
		Command: fmt.Sprintf("dossiersync run show %d", list[0].Run),
		Runbook: runbook(attentionSection),
		extent:  extent,
	}
}

func removalsHeld(f *facts, t *Tenant, s *Status) *Cause {
	c := held(f, t, s, false)
	if c != nil {
		c.What = "removals are held: " + c.What
		c.ReadersSee = "everything, including what vanished from the source"
		c.Do = "look at what is held, ask the organisation whether it was removed, and decide"
		c.Runbook = runbook("DossiersyncRemovalsHeld")
	}
	return c
}

func revealsHeld(f *facts, t *Tenant, s *Status) *Cause {
	c := held(f, t, s, true)
	if c != nil {
		c.What = "items would become readable, and are held: " + c.What
		c.ReadersSee = "none of these items: they stay hidden"
		c.Do = "ask the organisation whether the marks were meant to be taken away, and decide"
		c.Runbook = runbook(attentionSection)
	}
	return c
}

// held describes the open sets of removals, or of reveals. Those that are open for long are named
// first.
func held(f *facts, t *Tenant, s *Status, reveals bool) *Cause {
	extent := make(store.Extent)
	var words []string
	var first *time.Time
	for _, h := range f.holds[t.ID] { // the oldest first
		if h.Reveals != reveals {
			continue
		}
		extent[fmt.Sprintf("set %d", h.ID)] = h.Items
		if first == nil {
			first = &h.Since
		}
		text := fmt.Sprintf("set %d, %s of %s (%s)", h.ID, counted(h.Items, "item"), h.Stream, h.Type)
		if age := s.Now.Sub(h.Since); age > heldLong {
			text += fmt.Sprintf(", open for %d days", int(age.Hours()/24))
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return nil
	}
	return &Cause{What: joined(words, "; "), Since: first, Command: "dossiersync held --tenant " + t.ID, extent: extent}
}

func configurationsDiffer(f *facts, t *Tenant, s *Status) *Cause {
	extent := make(store.Extent)
	var words []string
	var newest *time.Time
	for _, p := range f.processes { // the oldest first
		digest := cmp.Or(p.Tenants[t.ID], "none")
		extent[digest] = 1
		text := fmt.Sprintf("%s on %s (process %d, since %s)", kinds(p.Kinds), p.Host, p.PID, s.moment(&p.Started))
		if digest == "none" {
			text += ", which does not have the tenant"
		}
		words = append(words, text)
		newest = &p.Started
	}
	if len(extent) < 2 {
		return nil
	}
	return &Cause{
		What:       "processes run different configurations of the tenant: " + joined(words, "; "),
		Since:      newest,
		ReadersSee: "what the rules of either configuration show",
		Do:         "give every process the same configuration file, and restart those that have an older one",
		Runbook:    runbook(attentionSection),
		extent:     extent,
	}
}

// keptPartial are the kinds of what is left over that keep runs partial without another cause here. The
// first is a cause at once, because the source may have stopped showing records.
var keptPartial = []struct {
	kind  store.LeftKind
	words func(n int64) string
}{
	{store.LeftUncompared, func(n int64) string { return counted(n, "type") + " could not be compared in full" }},
	{store.LeftUnsure, func(n int64) string { return "the source would not say whether " + counted(n, "item") + " still exist" }},
	{store.LeftOwed, func(n int64) string { return "the history of " + counted(n, "client") + " could not be read" }},
	{store.LeftShort, func(n int64) string { return "fewer records of " + counted(n, "type") + " came than counted" }},
	{store.LeftBudget, func(n int64) string { return fmt.Sprintf("the budget of %d requests was used up", n) }},
}

// partialRuns is what the last two whole runs both have left over, or what the last comparison could not
// list.
func partialRuns(f *facts, t *Tenant, s *Status) *Cause {
	if s.Unreachable != nil {
		return nil
	}
	extent := make(store.Extent)
	var words []string
	var run *store.EndedRun
	what := "the last run was partial: "
	if last, ok := f.compared[t.ID]; ok && last.LeftOver[store.LeftUncompared] > 0 {
		run = &last
		extent[string(store.LeftUncompared)] = last.LeftOver[store.LeftUncompared]
		words = append(words, keptPartial[0].words(last.LeftOver[store.LeftUncompared]))
	}
	if ended := f.ended[t.ID]; len(ended) > 1 {
		for _, k := range keptPartial {
			n := ended[0].LeftOver[k.kind]
			if n == 0 || ended[1].LeftOver[k.kind] == 0 || extent[string(k.kind)] > 0 {
				continue
			}
			run, what = &ended[0], "the last two runs were partial for the same reason: "
			extent[string(k.kind)] = n
			words = append(words, k.words(n))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return &Cause{
		What:       what + joined(words, "; "),
		Since:      run.FinishedAt,
		ReadersSee: "everything that was read; it may be incomplete",
		Do:         "look at what the runs have left over",
		Command:    fmt.Sprintf("dossiersync run show %d", run.ID),
		Runbook:    runbook(attentionSection),
		extent:     extent,
	}
}

func quarantineGrew(f *facts, t *Tenant, s *Status) *Cause {
	n := f.newlyQuarantined[t.ID]
	if n <= quarantineMany {
		return nil
	}
	return &Cause{
		What:       fmt.Sprintf("%d items came into quarantine within a day", n),
		ReadersSee: "the last good version of each item, or nothing of it",
		Do:         "look for a reason that many items share, and tell the supplier",
		Command:    "dossiersync quarantine list --tenant " + t.ID,
		Runbook:    runbook("DossiersyncQuarantineGrowing"),
		extent:     store.Extent{"items": s.Quarantined},
	}
}

func reconcileOverdue(_ *facts, t *Tenant, s *Status) *Cause {
	last, what := s.Reconciled, "the last complete comparison with the source was "+Ago(s.Now, s.Reconciled)
	if last == nil {
		last, what = &s.Since, "the replica was never compared with the source in full"
	}
	if s.LastSuccess == nil || s.Now.Sub(*last) <= overdueAfter {
		return nil
	}
	return &Cause{
		What:       what,
		Since:      last,
		ReadersSee: "perhaps items that the source no longer has",
		Do:         "compare now, and look at what the run says",
		Command:    "dossiersync reconcile --tenant " + t.ID,
		Runbook:    runbook(attentionSection),
		extent:     since(last),
	}
}

// countContradicts is a count of the source that has differed from the replica for several runs,
// although it is believed and a comparison of the type is due at most once a day.
func countContradicts(f *facts, t *Tenant, s *Status) *Cause {
	extent := make(store.Extent)
	var words []string
	var first *time.Time
	for _, c := range f.contradictions[t.ID] {
		if c.Runs < contradictedRuns {
			continue
		}
		extent[string(c.Stream)+" "+c.Type] = 1
		words = append(words, fmt.Sprintf("%s (%s): the source counts %d records, and %d were expected", c.Type, c.Stream, c.Source, c.Replica))
		if first == nil || c.Since.Before(*first) {
			first = &c.Since
		}
	}
	if len(words) == 0 {
		return nil
	}
	return &Cause{
		What:       "the source's counts contradict the replica: " + joined(words, "; "),
		Since:      first,
		ReadersSee: "everything that was read; records may be missing, or gone from the source",
		Do:         "compare now, and look at what the run says",
		Command:    "dossiersync reconcile --tenant " + t.ID,
		Runbook:    runbook(attentionSection),
		extent:     extent,
	}
}

// mostlyEmpty is a type of which more than half of the records have no content, client or known status,
// as when an account may not see those members from the first run on.
func mostlyEmpty(f *facts, t *Tenant, _ *Status) *Cause {
	list := f.empty[t.ID]
	if len(list) == 0 {
		return nil
	}
	extent := make(store.Extent)
	var words []string
	for _, e := range list {
		extent[string(e.Stream)+" "+e.Type] = 1
		words = append(words, fmt.Sprintf("%d of %d of %s (%s)", e.Hidden, e.Of, e.Type, e.Stream))
	}
	return &Cause{
		What:       "most records say nothing that can be shown: " + joined(words, "; "),
		ReadersSee: "only the other records",
		Do:         "look at one record in the source, and ask the supplier whether our account may see all of it",
		Command:    "dossiersync probe --tenant " + t.ID,
		Runbook:    runbook(attentionSection),
		extent:     extent,
	}
}

// leftOut is a place of the source's records whose words reach no reader, although nobody has accepted
// that, or more of them than before.
func leftOut(f *facts, t *Tenant, _ *Status) *Cause {
	list := f.leftOut[t.ID]
	if len(list) == 0 {
		return nil
	}
	extent := make(store.Extent)
	var words []string
	first, run := list[0].Since, list[0].Run
	for _, l := range list {
		extent[string(l.Kind)+" "+l.Place] = 1
		text := fmt.Sprintf("%s (%s)", l.Place, counted(l.Items, "item"))
		if l.Doubled {
			text += ", twice as many as before"
		}
		words = append(words, text)
		if l.Since.Before(first) {
			first = l.Since
		}
		run = max(run, l.Run)
	}
	return &Cause{
		What:       "words of the source reach no reader: " + joined(words, "; "),
		Since:      &first,
		ReadersSee: "the items without these words",
		Do:         "look at a record that has the place, together with the supplier: dossiersync explain FILE",
		Command:    fmt.Sprintf("dossiersync run show %d", run),
		Runbook:    runbook(attentionSection),
		extent:     extent,
	}
}

// withheld is for information: an operator keeps clients or items from readers.
func withheld(f *facts, t *Tenant, _ *Status) *Cause {
	list := f.withheld[t.ID] // the oldest first
	if len(list) == 0 {
		return nil
	}
	var clients, items int64
	for _, w := range list {
		if w.Client != "" {
			clients++
		} else {
			items++
		}
	}
	var what []string
	if clients > 0 {
		what = append(what, counted(clients, "client"))
	}
	if items > 0 {
		what = append(what, counted(items, "item"))
	}
	return &Cause{
		What:        strings.Join(what, " and ") + " withheld by an operator",
		Since:       &list[0].Since,
		ReadersSee:  "nothing of these, whatever the source has",
		Do:          "release them when the reason is over",
		Command:     "dossiersync withhold list --tenant " + t.ID,
		Runbook:     runbook("a-data-breach-first-steps"),
		Information: true,
		extent:      store.Extent{"clients": clients, "items": items},
	}
}

// asBefore describes what readers see while nothing new is read.
func (s *Status) asBefore() string {
	if s.LastSuccess == nil {
		return "nothing yet, because no run has succeeded"
	}
	return "what they saw before, as of " + s.moment(s.LastSuccess)
}

// moment formats t in the tenant's zone, with the zone's name.
func (s *Status) moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return Moment(*t, s.Now.Location())
}

// since is the extent of a cause that is another one when it begins again.
func since(t *time.Time) store.Extent { return store.Extent{"since " + key(t): 1} }

func key(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// counted returns the number with its noun, in the plural where needed.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// joined joins words, and only counts those beyond the first few.
func joined(words []string, separator string) string {
	more := len(words) - named
	if more <= 0 {
		return strings.Join(words, separator)
	}
	return strings.Join(words[:named], separator) + fmt.Sprintf("%sand %d more", separator, more)
}

func kinds(list []store.ProcessKind) string {
	words := make([]string, 0, len(list))
	for _, k := range list {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}
