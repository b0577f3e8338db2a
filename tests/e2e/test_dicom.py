"""DICOM from folder to prediction, and what of its patients stays behind."""

import csv
import io
import json
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.uid import RLELossless

from besom_process import BIN, SHARED, besom, environment, select
from smoke_case import SmokeCase

sys.path.append(str(Path(__file__).resolve().parents[1] / "stages/data/ingest"))
from dicom_files import dicom_of, save  # noqa: E402

XRAYS = SHARED / "data/xray/chest_xray/train"
CLASSES = ("NORMAL", "PNEUMONIA")
# Of every file, besides its PatientID.
SECRETS = ["PAT-7Q3X", "Quetzal", "Zebulon", "19310203", "Dr^Vexillum"]


def as_dicom(path, label, number):
    """The X-ray as one of several kinds of DICOM that show the same."""
    grey = np.asarray(Image.open(path).convert("L")).copy()
    elements = {"PatientID": f"PAT-7Q3X-{path.name.split('_')[0]}",
                "ReferringPhysicianName": "Dr^Vexillum",
                "StudyDescription": label}
    kind = number % 4
    if kind == 1:
        return dicom_of(255 - grey, 8, "MONOCHROME1", **elements)
    if kind == 2:  # 12 bits whose window makes the same levels of them.
        return dicom_of(grey.astype("<u2") * 16, 12, RescaleSlope=1,
                        RescaleIntercept=-1000, WindowCenter=2040 - 1000,
                        WindowWidth=4080, VOILUTFunction="LINEAR_EXACT",
                        **elements)
    data = dicom_of(grey, 8, **elements)
    if kind == 3:
        data.compress(RLELossless)
    return data


class Dicom(SmokeCase):
    def setUp(self):
        super().setUp()
        self.dicom = Path(self.folder.name) / "archive"
        self.plain = Path(self.folder.name) / "plain"
        self.dicom.mkdir()
        self.plain.mkdir()
        for label in CLASSES:
            files = sorted((XRAYS / label).iterdir())[:24]
            self.assertEqual(len(files), 24)
            for number, path in enumerate(files):
                save(as_dicom(path, label, number),
                     self.dicom / f"{label[0]}{number:02}")
                Image.open(path).convert("L").save(
                    self.plain / f"{label[0]}{number:02}.png")

    def run_sweep(self, *more):
        return self.run_smoke(
            self.workspace(), "--set", f"ingest.classes=[{', '.join(CLASSES)}]",
            "--set", "ingest.sources=[{name: clinic, format: dicom_folder, "
            f"path: {self.dicom}, label_tag: StudyDescription}}]",
            "--set", f"evaluate.positive={CLASSES[1]}",
            "--set", "evaluate.predictions=all", *more)

    def predict(self, workspace, *arguments, text=None):
        done = subprocess.run(
            [str(BIN / "besom"), "predict", "best", "-w", str(workspace),
             *map(str, arguments)], input=text, capture_output=True, text=True,
            env=environment(), timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        for secret in SECRETS:
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done.stdout

    def rows(self, workspace, *arguments, **options):
        return list(csv.DictReader(io.StringIO(
            self.predict(workspace, *arguments, "--csv", **options))))

    def numbers(self, row):
        return [float(row[f"probability_{name}"]) for name in CLASSES]

    def test_predict_says_what_the_sweep_said_and_patients_stay_unknown(self):
        workspace = self.run_sweep()
        trial, = select(workspace, "select trial from leaderboard where rank = "
                        "1")[0]
        said = {path: json.loads(probabilities) for path, probabilities in
                select(workspace, "select path, probabilities from predictions "
                       f"where trial = '{trial}'")}
        self.assertEqual(len(said), 48)
        found = {Path(row["path"]).name: self.numbers(row)
                 for row in self.rows(workspace, self.dicom)}
        self.assertEqual(found, said)
        # Whatever the kind of file, the levels are those of the X-ray.
        for row in self.rows(workspace, self.plain):
            self.assertEqual(self.numbers(row), said[Path(row["path"]).stem])
        self.check_inputs(workspace, said)
        self.check_patients(workspace)

    def check_inputs(self, workspace, said):
        """Patterns, standard input, JSON; what cannot be read is a row."""
        broken = Path(self.folder.name) / "broken.dcm"
        broken.write_bytes((self.dicom / "N00").read_bytes()[:3000])
        names = [self.dicom / "P03", broken, "gone.png", self.plain / "N05.png"]
        for end, option in (("\n", []), ("\0", ["-0"])):
            lines = [json.loads(line) for line in self.predict(
                workspace, "-", "--json", *option,
                text="".join(f"{name}{end}" for name in names)).splitlines()]
            self.assertEqual([line["path"] for line in lines],
                             [str(name) for name in names])
            for line, name in ((lines[0], "P03"), (lines[3], "N05")):
                self.assertEqual([line["probabilities"][c] for c in CLASSES],
                                 said[name])
                self.assertIsNone(line["error"])
            self.assertIn("cut off", lines[1]["error"])
            self.assertIsNone(lines[1]["predicted"])
            self.assertTrue(lines[2]["error"])
        rows = self.rows(workspace, self.dicom / "N0[0-3]", broken)
        self.assertEqual([Path(row["path"]).name for row in rows],
                         ["N00", "N01", "N02", "N03", "broken.dcm"])
        self.assertEqual(rows[-1]["predicted"], "")
        table = self.predict(workspace, broken)
        self.assertIn("could not be read: 1", table)
        nothing = besom("predict", "best", "-w", workspace, "x*.dcm")
        self.assertEqual((nothing.returncode, nothing.stdout), (2, ""))

    def check_patients(self, workspace):
        groups = select(workspace, 'select distinct "group" from images')
        self.assertGreater(len(groups), 10)
        for group, in groups:
            self.assertRegex(group, r"^[0-9a-f]{16}$")
        files = [path for path in Path(workspace).rglob("*") if path.is_file()]
        self.assertTrue(any(path.name == "besom.db" for path in files))
        for path in files:
            content = path.read_bytes()
            for secret in SECRETS:
                self.assertNotIn(secret.encode(), content, path)

    def test_init_writes_a_sweep_that_can_be_planned(self):
        by_class = Path(self.folder.name) / "by class"
        for path in self.dicom.iterdir():
            label = CLASSES[path.name[0] == "P"]
            (by_class / label).mkdir(parents=True, exist_ok=True)
            (by_class / label / path.name).symlink_to(path)
        for folder, told in ((self.dicom, "label_tag: StudyDescription"),
                             (by_class, "label: PNEUMONIA")):
            file = folder.parent / f"{folder.name[:2]}.yaml"
            done = besom("init", folder, "-o", file)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("48 images, classes NORMAL, PNEUMONIA", done.stdout)
            text = file.read_text()
            self.assertIn("format: dicom_folder", text)
            self.assertIn(told, text)
            for secret in SECRETS:
                self.assertNotIn(secret, text + done.stdout)
            done = besom("plan", file, "-w", self.workspace(), "--set",
                         "model.weights=random")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("6 trials", done.stdout)

    def test_numbers_of_patients_are_stored_where_asked_for(self):
        workspace = self.run_sweep(
            "--until", "split",
            "--set", "ingest.sources.clinic.store_patient_ids=true")
        for group, in select(workspace, 'select distinct "group" from images'):
            self.assertTrue(group.startswith("PAT-7Q3X-"), group)


if __name__ == "__main__":
    unittest.main()
