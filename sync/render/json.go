package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dossiersync/store/dossier"
)

// An appender is a shape that writes itself. Those of reports do, which are nearly
// all that is rendered: reflection takes several times as long.
type appender interface {
	appendJSON(b []byte) ([]byte, error)
}

// marshal encodes v as the API serves it: text as people wrote it, not escaped
// for HTML.
func marshal(v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		b, err := a.appendJSON(nil)
		if err != nil {
			return nil, fmt.Errorf("render: %w", err)
		}
		return b, nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

func (c *cardJSON) appendJSON(b []byte) ([]byte, error) {
	b = slices.Grow(b, 512+len(c.Excerpt))
	b = dossier.AppendJSONString(append(b, `{"id":`...), c.ID)
	b = dossier.AppendJSONString(append(b, `,"kind":`...), string(c.Kind))
	b = dossier.AppendJSONString(append(b, `,"at":`...), c.At)
	b = dossier.AppendJSONString(append(b, `,"precision":`...), string(c.Precision))
	b = dossier.AppendJSONString(append(b, `,"title":`...), c.Title)
	b = dossier.AppendJSONString(append(b, `,"excerpt":`...), c.Excerpt)
	if c.Author == nil {
		b = append(b, `,"author":null`...)
	} else {
		b = append(b, `,"author":{`...)
		if c.Author.ID != "" {
			b = append(dossier.AppendJSONString(append(b, `"id":`...), c.Author.ID), ',')
		}
		b = appendOrNull(append(b, `"name":`...), c.Author.Name)
		b = append(appendOrNull(append(b, `,"role":`...), c.Author.Role), '}')
	}
	b = appendOrNull(append(b, `,"category":`...), c.Category)
	b = dossier.AppendJSONString(append(b, `,"kindLabel":`...), c.KindLabel)
	b = appendOrNull(append(b, `,"categoryLabel":`...), c.CategoryLabel)
	b = appendOrNull(append(b, `,"correctedAt":`...), c.CorrectedAt)
	b = appendOrNull(append(b, `,"recordedAt":`...), c.RecordedAt)
	return append(b, '}'), nil
}

func (r *reportJSON) appendJSON(b []byte) ([]byte, error) {
	b = slices.Grow(b, 64+len(r.Text)+len(r.Text)/16)
	b = dossier.AppendJSONString(append(b, `{"text":`...), r.Text)
	b = append(b, `,"attachments":[`...)
	for i, a := range r.Attachments {
		if i > 0 {
			b = append(b, ',')
		}
		b = dossier.AppendJSONString(append(b, `{"title":`...), a.Title)
		b = dossier.AppendJSONString(append(b, `,"contentType":`...), a.ContentType)
		b = append(b, `,"size":`...)
		if a.Size == nil {
			b = append(b, "null}"...)
		} else {
			b = append(strconv.AppendInt(b, *a.Size, 10), '}')
		}
	}
	return append(b, "]}"...), nil
}

// reportModel is what is kept of a report beside its card and body.
type reportModel dossier.Report

func (m *reportModel) appendJSON(b []byte) ([]byte, error) {
	bare := dossier.Report(*m)
	bare.Text, bare.Attachments = "", nil // they are in the body
	return bare.AppendJSON(slices.Grow(b, 512))
}

func appendOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return dossier.AppendJSONString(b, *s)
}
