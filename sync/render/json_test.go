package render

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dossiersync/store/dossier"
)

func TestShapesOfReportsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	check := func(t *rapid.T, shape appender, plain any) {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(plain); err != nil {
			t.Fatal(err)
		}
		got, err := shape.appendJSON(nil)
		if diff := cmp.Diff(want.String(), string(got)+"\n"); diff != "" || err != nil {
			t.Errorf("%v; -want +got\n%s", err, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		card := rapid.Make[cardJSON]().Draw(t, "card")
		check(t, &card, card)
		body := rapid.Make[reportJSON]().Draw(t, "body")
		plain := body
		plain.Attachments = append([]dossier.Attachment{}, body.Attachments...) // never null
		check(t, &body, plain)
	})
}
