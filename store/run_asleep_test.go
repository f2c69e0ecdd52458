package store_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// dozing is a worker that falls asleep while PostgreSQL waits for the rest of a COPY.
type dozing struct {
	plain
	asleep chan<- struct{}
	wakes  <-chan struct{}
}

func (d dozing) Render(ref dossier.Ref, c dossier.Content, look store.Lookup) (store.Rendered, error) {
	close(d.asleep)
	<-d.wakes
	return d.plain.Render(ref, c, look)
}

func TestWorkerAsleepInCopyLosesItsRun(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	asleep, wakes, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r.SetAsleep(time.Second)
	t.Cleanup(waking(wakes))
	sleeper := dozing{asleep: asleep, wakes: wakes}
	lapse := func(by string) {
		t.Helper()
		if _, err := r.Pool().Exec(t.Context(), `UPDATE runs SET lease_until = now() - $1::interval, queued_at = now() - interval '1 hour'`, by); err != nil {
			t.Fatal(err)
		}
	}
	lapse("10 seconds")
	go func() {
		_, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: staff, Items: []dossier.Item{nurse("Anna", 0)}}, sleeper)
		ended <- err
	}()
	fallsAsleep(t, asleep, ended)
	if n, err := r.QueueLostRuns(t.Context()); err != nil || n != 0 {
		t.Errorf("ten seconds after its lease %d runs are lost, %v", n, err)
	}
	closeOnce(wakes)
	if err := <-ended; err != nil {
		t.Fatalf("a worker that slept for a moment fails: %v", err)
	}

	asleep, wakes = make(chan struct{}), make(chan struct{})
	t.Cleanup(waking(wakes))
	sleeper = dozing{asleep: asleep, wakes: wakes}
	lapse("1 hour")
	go func() {
		_, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: staff, Items: []dossier.Item{nurse("Bea", 1)}}, sleeper)
		ended <- err
	}()
	fallsAsleep(t, asleep, ended)
	for n, deadline := 0, time.Now().Add(time.Minute); n == 0; {
		var err error
		if n, err = r.QueueLostRuns(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the run stays with a worker that sleeps")
		}
		time.Sleep(10 * time.Millisecond)
	}
	taken, err := r.ClaimRun(t.Context(), r.claim.Run.ID, "another")
	if err != nil {
		t.Fatal(err)
	}
	closeOnce(wakes)
	if err := <-ended; err == nil {
		t.Error("the sleeper has written after its run was taken over")
	}
	if _, err := r.RenewClaim(t.Context(), taken); err != nil {
		t.Errorf("the worker that took the run over has lost it: %v", err)
	}
}

func fallsAsleep(t *testing.T, asleep <-chan struct{}, ended <-chan error) {
	t.Helper()
	select {
	case <-asleep:
	case err := <-ended:
		t.Fatalf("the worker is done before it could fall asleep: %v", err)
	}
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// waking returns a function that ends the dozing worker, also after a failed test.
func waking(c chan struct{}) func() { return func() { closeOnce(c) } }
