package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"

	"dossiersync/cmd/carerecordsim/archive"
)

func (s *Server) read(typ, id string) (answer, error) {
	v, err := s.Get(typ, id)
	if err == nil {
		v, err = s.mishap.Load().seen(v)
	}
	if err == nil {
		v = s.withPrefix(v)
	}
	if err != nil {
		return answer{}, err
	}
	return resourceAnswer(http.StatusOK, v), nil
}

func (s *Server) vread(typ, id, version string) (answer, error) {
	v := s.archive.Version(typ, id, version)
	if v == nil || s.o.Behaviour.NoHistory {
		return answer{}, archive.ErrNotFound
	}
	if v.Deleted {
		return answer{}, ErrDeleted
	}
	return resourceAnswer(http.StatusOK, v), nil
}

func (s *Server) create(r *http.Request, typ string) (answer, error) {
	raw, err := readBody(r)
	if err != nil {
		return answer{}, err
	}
	if err := wantIdentity(raw, typ, ""); err != nil {
		return answer{}, err
	}
	v, err := s.Create(raw)
	if err != nil {
		return answer{}, err
	}
	return s.created(r, v), nil
}

func (s *Server) update(r *http.Request, typ, id string) (answer, error) {
	raw, err := readBody(r)
	if err != nil {
		return answer{}, err
	}
	if err := wantIdentity(raw, typ, id); err != nil {
		return answer{}, err
	}
	_, missing := s.Get(typ, id)
	v, err := s.Put(raw)
	if err != nil {
		return answer{}, err
	}
	if missing != nil {
		return s.created(r, v), nil
	}
	return resourceAnswer(http.StatusOK, v), nil
}

func (s *Server) delete(typ, id string) (answer, error) {
	v, err := s.Delete(typ, id)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent, header: http.Header{"Etag": {etag(v)}}}, nil
}

func (s *Server) created(r *http.Request, v *archive.Version) answer {
	a := resourceAnswer(http.StatusCreated, v)
	a.header.Set("Location", fmt.Sprintf("%s/%s/%s/_history/%s", s.base(r), v.Type, v.ID, v.VersionID()))
	return a
}

// wantIdentity returns an error unless raw is a resource of that type, with that id if id is not
// "".
func wantIdentity(raw []byte, typ, id string) error {
	var head struct{ ResourceType, ID string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return badRequest("structure", "not a FHIR resource in JSON: %v", err)
	}
	if head.ResourceType != typ {
		return badRequest("invariant", "the resource is a %q, the URL says %s", head.ResourceType, typ)
	}
	if id != "" && head.ID != id {
		return badRequest("invariant", "the resource's id is %q, the URL says %s", head.ID, id)
	}
	return nil
}

func resourceAnswer(status int, v *archive.Version) answer {
	return answer{status: status, body: v.Body, header: http.Header{
		"Etag":          {etag(v)},
		"Last-Modified": {v.LastUpdated.UTC().Format(http.TimeFormat)},
	}}
}

func etag(v *archive.Version) string { return `W/"` + v.VersionID() + `"` }

// base returns the base URL by which this client reached the server.
func (s *Server) base(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + s.o.BasePath
}
