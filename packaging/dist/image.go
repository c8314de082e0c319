package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// image writes an image FROM scratch: the binary, the certificates of public CAs, and the
// licences. The file is an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md) and at the same
// time an archive of "docker save", so docker, podman and ctr can all load it.
func (r release) image(out string, p platform, binary []byte, documents []file) error {
	copyright := documents[slices.IndexFunc(documents, func(f file) bool { return f.path == copyrightFile })]
	var tree bytes.Buffer
	err := writeTar(&tree, []file{
		{"echod", 0o755, binary},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots()},
		{"usr/share/doc/echod/" + copyrightFile, copyright.mode, copyright.data},
	}, r.time)
	if err != nil {
		return err
	}
	// Not compressed: a layer and its content then have the same digest, and the file is
	// compressed by whoever stores it.
	layer := static.NewLayer(tree.Bytes(), types.OCIUncompressedLayer)
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: r.time}
	config.History = []v1.History{{Created: config.Created, CreatedBy: "packaging/dist"}}
	config.Config = v1.Config{
		Entrypoint:   []string{"/echod"},
		Cmd:          []string{"serve"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		User:         "65532:65532", // not root; the number has no meaning
		Labels: map[string]string{
			"org.opencontainers.image.title":       "echod",
			"org.opencontainers.image.description": "an echo service, and the tool that checks the path to one",
			"org.opencontainers.image.version":     r.version.file,
			"org.opencontainers.image.revision":    r.commit,
			"org.opencontainers.image.created":     r.time.Format("2006-01-02T15:04:05Z"),
			"org.opencontainers.image.licenses":    r.licence,
		},
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	files, err := layout(img, "echod:"+r.version.file)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := writeTar(&b, files, r.time); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, r.name(p)+".oci.tar"), b.Bytes(), 0o644)
}

// layout returns the files of an image with this name.
func layout(img v1.Image, name string) ([]file, error) {
	manifest, err := img.RawManifest()
	if err != nil {
		return nil, err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	var files []file
	blob := func(data []byte) (v1.Hash, error) {
		hash, _, err := v1.SHA256(bytes.NewReader(data))
		files = append(files, file{"blobs/sha256/" + hash.Hex, 0o644, data})
		return hash, err
	}
	digest, err := blob(manifest)
	if err != nil {
		return nil, err
	}
	configDigest, err := blob(config)
	if err != nil {
		return nil, err
	}
	saved := []dockerImage{{Config: "blobs/sha256/" + configDigest.Hex, RepoTags: []string{name}}}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		hash, err := blob(data)
		if err != nil {
			return nil, err
		}
		saved[0].Layers = append(saved[0].Layers, "blobs/sha256/"+hash.Hex)
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{
		MediaType: types.OCIManifestSchema1, Digest: digest, Size: int64(len(manifest)),
		Annotations: map[string]string{"io.containerd.image.name": "docker.io/library/" + name, "org.opencontainers.image.ref.name": name},
	}}}
	for path, v := range map[string]any{"oci-layout": map[string]string{"imageLayoutVersion": "1.0.0"}, "index.json": index, "manifest.json": saved} {
		data, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path, 0o644, data})
	}
	return byPath(files), nil
}

// dockerImage is an image in the manifest.json of "docker save".
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// roots returns the certificates of public CAs, in PEM. Those that Mozilla trusts only in
// part are left out: PEM cannot say which part.
func roots() []byte {
	var b []byte
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})...)
		}
	}
	return b
}
