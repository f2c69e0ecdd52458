package sync_test

import (
	"testing"

	"pgregory.net/rapid"
)

// The property test draws scripts at random and executes each of them. A script changes a source,
// interferes with requests and transactions, and starts runs. After every run, invariants are
// checked that must hold whatever happened; at the end the faults stop, and one run and one
// reconcile must make the replica equal to the source. The parts:
//
//   - property_model_test.go: model is the truth, all records that the source has and has had. Each
//     content carries a marker that occurs nowhere else, so that a text shown to readers identifies
//     the version it comes from.
//   - property_source_test.go: modelSource shows the model as a source, with faults.
//   - property_mishap_test.go: mishap narrows what the source shows, without a record being changed.
//   - property_draw_test.go draws scripts.
//   - property_execute_test.go: execution executes one script on the replica of a scriptHarness.
//   - property_snapshot_test.go: snapshot is what the replica holds at one moment, and what its
//     readers see (readerView).
//   - property_check_test.go checks the invariants after each run. oracle computes from the model
//     what readers should see at the end.
//   - property_limits_test.go checks what may be removed and shown although nothing stated it.
//   - property_script_test.go holds scripts that once failed.
//
// # Scripts
//
// A script is a list of lines. The first word of a line is its command:
//
//	source order=byID page=2 …   how the source behaves from now on; see execution.setBehaviour
//	all                          creates a small set of records
//	put ID [CLIENT] [by=ID plan=ID goal=ID replaces=ID late=1h deceased private]
//	                             creates a record, or gives it new content
//	hide ID REASON [by=tag] [quietly]
//	                             marks a record as not to be shown; quietly: without a new version
//	show ID [quietly]            removes that mark
//	mark r, unmark r [quietly]   marks all records of a type, or removes those marks
//	move ID CLIENT [quietly]     corrects a record to another client
//	merge CLIENT CLIENT          merges the first client into the second
//	bad ID body|envelope         makes a new version that cannot be decoded
//	leave ID [quietly]           makes a record match no search any more
//	delete ID, lose ID           deletes a record, with or without telling the deletions feed
//	crowd CLIENT N, vanish       creates many reports, and deletes those silently
//	pass 1h, clock -1h           moves the source's clock on, or back
//	mishap [client=c1 …], heal   narrows what the source shows, see parseMishap; ends that
//	rule on|off                  a rule of the tenant that hides private reports
//	tomorrow                     lets a day pass for the replica
//	backup, restore              keeps the source's state, and puts it back
//	run [full] [client=c1] [stream=reports] [dry], reconcile [approve], retry
//	                             run as a command does
//	worker [tiny]                first finishes waiting and abandoned runs as a worker does, then
//	                             does a scheduled run; tiny: each slice ends at its first window
//
// These lines take effect during the next run:
//
//	at N LINE                    before the N-th request: one of the lines above, or fail FAILURE,
// or 	                             stop (the process ends in good order), or truncate (of
// unlogged 	                             tables, as a database server does after a crash)
//	from N fail FAILURE          all requests from the N-th on fail
//	tx N abort|kill              the N-th transaction fails; kill: so does the run's process
//
// The record ids begin with a letter for their type: see modelTypes.

// I1: when faults stop, one run and one reconcile make the replica equal to the source, without an
// operator, except for what the source has really lost (I5). Until then nothing is shown that must
// not be (I6, I7), no more is removed than the limits of I5 let through, the rest is listed as held,
// and grants stay (I5a).
func TestReplicaEqualsSourceWhateverCameBefore(t *testing.T) {
	t.Parallel()
	h := newScriptHarness(t)
	rapid.Check(t, func(rt *rapid.T) {
		h.execute(t.Context(), rt, scripts.Draw(rt, "script"))
	})
}
