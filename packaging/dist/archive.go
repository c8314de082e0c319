package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
)

// archive writes the binary and its documents as .tar.gz, or as .zip for Windows.
func (r release) archive(out string, p platform, binary []byte, documents []file) error {
	name := r.name(p)
	var files []file
	for _, f := range append([]file{{p.executable(), 0o755, binary}}, documents...) {
		f.path = name + "/" + f.path
		files = append(files, f)
	}
	if p.os == "windows" {
		data, err := r.zipArchive(files)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(out, name+".zip"), data, 0o644)
	}
	var b bytes.Buffer
	if err := writeTar(&b, files, r.time); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name+".tar.gz"), gzipped(b.Bytes()), 0o644)
}

func (r release) zipArchive(files []file) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		header := zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: r.time}
		header.SetMode(f.mode)
		w, err := z.CreateHeader(&header)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(w, bytes.NewReader(f.data)); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
