package dossier_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestEveryReasonHasAMeaning(t *testing.T) {
	t.Parallel()
	for _, r := range dossier.Reasons() {
		if r.Meaning() == "" {
			t.Errorf("%s has no meaning", r)
		}
	}
}

func TestEnvelopeReasonsAreTheSettledOnes(t *testing.T) {
	t.Parallel()
	want := []dossier.Reason{
		dossier.WithdrawnAbsent, dossier.WithdrawnDeleted, dossier.WithdrawnInError, dossier.HiddenImplicitRules,
		dossier.HiddenInactive, dossier.HiddenMarked, dossier.HiddenMerged, dossier.HiddenNoClient,
		dossier.HiddenNotAReport, dossier.HiddenStatus, dossier.HiddenUnknownStatus,
	}
	if diff := cmp.Diff(want, dossier.EnvelopeReasons()); diff != "" {
		t.Error(diff)
	}
}
