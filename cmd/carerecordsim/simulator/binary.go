package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
)

// readBinary answers with the content, or with FHIR if the request asks for it:
// https://hl7.org/fhir/R4/binary.html#rest
func (s *Server) readBinary(r *http.Request, id string) (answer, error) {
	v, err := s.Get("Binary", id)
	if err != nil {
		return answer{}, err
	}
	a := resourceAnswer(http.StatusOK, v)
	if wantsFHIR(r) {
		return a, nil
	}
	var binary struct {
		ContentType string
		Data        []byte // base64 in JSON
	}
	if err := json.Unmarshal(v.Body, &binary); err != nil {
		return a, nil // without data the resource is sent
	}
	a.contentType = cmp.Or(binary.ContentType, "application/octet-stream")
	a.body = binary.Data
	return a, nil
}

func wantsFHIR(r *http.Request) bool {
	want := cmp.Or(r.URL.Query().Get("_format"), r.Header.Get("Accept"))
	return strings.Contains(want, "fhir+json") || want == "json"
}
