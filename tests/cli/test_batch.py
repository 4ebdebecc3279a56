#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of `hidiffusion batch`: sheets, stops and restarts, several processes at one sheet; prints TAP.

    test_batch.py PROGRAM MODEL
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from harness import MODEL, PROGRAM, check_complaint, check_success, main, run

PROMPTS = ["a red heart on a sky background", "a blue star on a night background", "a green ball on a meadow background"]


def write(folder, name, text):
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def sheet_of(folder, rows, steps=2, size=128):
    """A sheet of so many rows."""
    lines = [json.dumps({"prompt": PROMPTS[i % len(PROMPTS)], "width": size, "height": size, "steps": steps,
                         "output": f"picture-{i + 1}.png"}) for i in range(rows)]
    return write(folder, "sheet.jsonl", "\n".join(lines) + "\n")


def pictures(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


def made(output):
    """The rows that a log tells to have been made."""
    return [int(row) for row in re.findall(r"^\S+ row (\d+) of \d+: .* in [\d:]+$", output, re.M)]


def batch(folder, *arguments):
    return run(folder, "batch", "--model", MODEL, *arguments)


def start(folder, *arguments):
    return subprocess.Popen([PROGRAM, "batch", "--model", MODEL, *arguments], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.01)


# --- sheets -----------------------------------------------------------------------

def test_csv_and_json_lines_are_the_same(folder):
    write(folder, "a.csv", "\ufeffprompt;seed;width;height;steps;output\r\n"
                           f'"{PROMPTS[0]}";7;128;128;2;one.png\r\n'
                           '"a ""red"" star;\non a sunset";;128;128;2;two.png\r\n')
    write(folder, "b.jsonl", json.dumps({"prompt": PROMPTS[0], "seed": 7, "width": 128, "height": 128, "steps": 2,
                                         "output": "one.png"}) + "\n\n"
          + json.dumps({"prompt": 'a "red" star;\non a sunset', "width": 128, "height": 128, "steps": 2, "output": "two.png"}))
    lines = check_success(batch(folder, "a.csv", "-o", "a"))
    assert lines[-1] == "2 made, 0 there before, 0 left to other processes, 0 failed", lines
    check_success(batch(folder, "b.jsonl", "-o", "b"))
    assert list(pictures(f"{folder}/a")) == ["one.png", "two.png"]
    assert pictures(f"{folder}/a") == pictures(f"{folder}/b")


def test_a_row_is_what_generate_makes(folder):
    write(folder, "s.csv", f"prompt,negative_prompt,width,height,steps,seed,sampler,guidance_scale\n"
                           f"{PROMPTS[0]},blue,128,192,3,11,euler_a,4.5\n")
    check_success(batch(folder, "s.csv"))
    check_success(run(folder, "generate", "--model", MODEL, "-p", PROMPTS[0], "-n", "blue", "-s", "128x192", "--steps", "3",
                      "--seed", "11", "--sampler", "euler_a", "-g", "4.5", "-o", "g.png"))
    found = pictures(folder)
    assert found["s-0001.png"] == found["g.png"]


def test_options_count_for_all_rows(folder):
    sheet = sheet_of(folder, 2, steps=50)
    check_success(batch(folder, sheet, "--steps", "1", "--size", "64x64", "-o", "a"))
    sheet = sheet_of(folder, 2, steps=1, size=64)
    check_success(batch(folder, sheet, "-o", "b"))
    assert pictures(f"{folder}/a") == pictures(f"{folder}/b")


def test_tasks_read_files_beside_the_sheet(folder):
    check_success(run(folder, "generate", "--model", MODEL, "-p", PROMPTS[0], "-s", "128x128", "--steps", "2", "--seed", "1",
                      "-o", "heart.png"))
    os.makedirs(f"{folder}/sheets")
    os.rename(f"{folder}/heart.png", f"{folder}/sheets/heart.png")
    write(folder, "sheets/s.csv", "task,prompt,input,strength,scale,steps,seed,output\n"
                                  f"transform,{PROMPTS[1]},heart.png,0.6,,3,5,t.png\n"
                                  "upscale,,heart.png,0.4,1.5,3,5,u.png\n"
                                  "fill,a red ball,heart.png,,,2,5,f.png\n")
    result = batch(folder, "sheets/s.csv")
    # The third has no mask and nothing that is transparent: the others are made nevertheless.
    assert result.returncode == 1 and "row 3 of 3: failed: " in result.stdout and "--mask" in result.stdout, result.stdout
    check_complaint(result, 1, "1 of its rows failed")
    check_success(run(folder, "transform", "--model", MODEL, "-p", PROMPTS[1], "--strength", "0.6", "--steps", "3", "--seed", "5",
                      "-o", "t2.png", "sheets/heart.png"))
    check_success(run(folder, "upscale", "--model", MODEL, "-p", "", "--strength", "0.4", "-x", "1.5", "--steps", "3",
                      "--seed", "5", "-o", "u2.png", "sheets/heart.png"))
    found = pictures(folder)
    assert found["t.png"] == found["t2.png"] and found["u.png"] == found["u2.png"] and "f.png" not in found


def test_only_what_is_missing_of_a_row_is_made(folder):
    sheet = write(folder, "s.csv", f"prompt,count,steps,width,height,seed\n{PROMPTS[0]},3,1,64,64,2147483646\n")
    check_success(batch(folder, sheet))
    first = pictures(folder)
    assert list(first) == ["s-0001-1.png", "s-0001-2.png", "s-0001-3.png", "s.csv"], first.keys()
    os.remove(f"{folder}/s-0001-2.png")
    lines = check_success(batch(folder, sheet))
    assert lines[-1].startswith("1 made, 2 there before"), lines
    # after the largest seed comes 0
    assert "seed 2147483647" in lines[0] and pictures(folder) == first


def test_damaged_sheets(folder):
    good = '{"prompt": "a red star", "steps": 1, "width": 64, "height": 64}'
    cases = {
        "none.csv": (None, "none.csv"),
        "empty.csv": ("", "expected at least one row"),
        "header.csv": ("prompt,steps\n", "expected at least one row"),
        "unknown.csv": ("prompt,wdith\na,1\n", 'unknown.csv:1: expected names out of model'),
        "twice.csv": ("prompt,prompt\na,b\n", "twice"),
        "short.csv": ("prompt,steps\na\n", "short.csv:2: expected 2 fields, as in the first line, found 1"),
        "long.csv": ("prompt,steps\na,1,2\n", "found 3"),
        "open.csv": ('prompt,steps\n"a,1\n', "a quote that ends the field"),
        "after.csv": ('prompt,steps\n"a"b,1\n', "the end of the field"),
        "number.csv": ("prompt,steps\na,many\n", 'number.csv:2: expected a number as steps, found "many"'),
        "range.csv": ("prompt,steps\na,100000\n", "range.csv:2: steps: expected 1 to 1000"),
        "nan.csv": ("prompt,guidance_scale\na,nan\n", "guidance"),
        "huge.csv": ("prompt,seed\na,1e300\n", "seed"),
        "sampler.csv": ("prompt,sampler\na,best\n", "sampler: expected one of auto, ddim"),
        "task.csv": ("prompt,task\na,paint\n", "generate, transform, fill or upscale"),
        "up.csv": ("prompt,output\na,../a.png\n", "up.csv:2: expected NAME.png"),
        "root.csv": ("prompt,output\na,/tmp/a.png\n", "expected NAME.png"),
        "name.csv": ("prompt,output\na,a.jpg\n", "expected NAME.png"),
        "hidden.csv": ("prompt,output\na,.png\n", "expected NAME.png"),
        "same.csv": ("prompt,output\na,a.png\nb,a.png\n", "same.csv:3: expected another output than row 1 has, a.png"),
        "loras.csv": ("prompt,loras\na,b\n", "list"),
        "json.jsonl": (good + "\n{", "json.jsonl:2"),
        "array.jsonl": ("[1]\n", "array.jsonl:1"),
        "unknown.jsonl": ('{"promt": "a"}\n', "unknown.jsonl:1: expected names out of"),
        "type.jsonl": ('{"prompt": 1}\n', 'type.jsonl:1: Request: expected a string as "prompt"'),
        "scale.jsonl": ('{"prompt": "a", "scale": "big"}\n', 'a number as "scale"'),
        "input.jsonl": ('{"prompt": "a", "input": 3}\n', 'the name of a file as "input"'),
        "schema.jsonl": ('{"prompt": "a", "schema_version": 99}\n', "schema version"),
        "picture.png": ("prompt\na\n", "NAME.csv or NAME.jsonl"),
    }
    for name, (text, part) in cases.items():
        if text is not None:
            write(folder, name, text)
        check_complaint(batch(folder, name, "-o", "out"), 1, part)
    pathlib.Path(folder, "latin.csv").write_bytes(b"prompt\n\xe4\n")
    check_complaint(batch(folder, "latin.csv"), 1, "UTF-8")
    pathlib.Path(folder, "nul.csv").write_bytes(b"prompt\na\0b\n")
    check_complaint(batch(folder, "nul.csv"), 1, "UTF-8")
    check_complaint(batch(folder, "."), 1, ".")
    assert not os.path.exists(f"{folder}/out"), "something was made"


def test_usage(folder):
    sheet = sheet_of(folder, 1)
    for shard in ("0/1", "2/1", "1", "1/", "/2", "1/2/3", "-1/2", "a/b", "1/1000000", ""):
        check_complaint(batch(folder, sheet, "--shard", shard), 2, "--shard: expected I/N")
    check_complaint(batch(folder, sheet, "--again", "a.png"), 2, "--again")
    check_complaint(run(folder, "batch"), 2, "expected SHEET")


def test_folders_that_cannot_be_written(folder):
    sheet = sheet_of(folder, 1)
    write(folder, "file", "x")
    result = batch(folder, sheet, "-o", "file")
    assert result.returncode == 1 and "row 1 of 1: failed: file" in result.stdout, result.stdout


def test_the_log_holds_nothing_that_a_terminal_obeys(folder):
    sheet = write(folder, "s.jsonl", '{"prompt": "a", "output": "a\\u001b[2J\\u009b2J.png"}\n')
    write(folder, "a\x1b[2J\x9b2J.png", "x")
    result = batch(folder, sheet)
    assert result.returncode == 0 and ": is there\n" in result.stdout, result
    assert "\x1b" not in result.stdout and "\x9b" not in result.stdout, result


# --- stops, restarts, several processes ----------------------------------------------

def test_killed_in_mid_run(folder):
    sheet = sheet_of(folder, 6, steps=12)
    check_success(batch(folder, sheet, "-o", "whole"))
    for number in (signal.SIGKILL, signal.SIGTERM):
        target = f"part-{number}"
        process = start(folder, sheet, "-o", target)
        wait_for(lambda: os.path.exists(f"{folder}/{target}/picture-2.png"), "two pictures")
        process.send_signal(number)
        output = process.communicate()[0]
        assert process.returncode == -number, process.returncode
        assert set(made(output)) <= {1, 2, 3, 4, 5}
        assert all(content == pictures(f"{folder}/whole")[name] for name, content in pictures(f"{folder}/{target}").items()
                   if not name.startswith("."))
        again = made("\n".join(check_success(batch(folder, sheet, "-o", target))))
        assert again and not set(again) & {1, 2}, again
        assert pictures(f"{folder}/{target}") == pictures(f"{folder}/whole"), sorted(pictures(f"{folder}/{target}"))


def run_together(folder, calls):
    processes = [start(folder, *call) for call in calls]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(calls), outputs
    return [made(output) for output in outputs]


def test_shards_share_the_rows(folder):
    sheet = sheet_of(folder, 8)
    check_success(batch(folder, sheet, "-o", "whole"))
    rows = run_together(folder, [[sheet, "-o", "shards", "--shard", f"{i}/3"] for i in (1, 2, 3)])
    assert rows == [[1, 4, 7], [2, 5, 8], [3, 6]], rows
    assert pictures(f"{folder}/shards") == pictures(f"{folder}/whole")


def test_processes_without_shards_do_no_row_twice(folder):
    sheet = sheet_of(folder, 10, steps=4)
    check_success(batch(folder, sheet, "-o", "whole"))
    rows = run_together(folder, [[sheet, "-o", "together"]] * 3)
    assert sorted(row for rows_of_one in rows for row in rows_of_one) == list(range(1, 11)), rows
    assert pictures(f"{folder}/together") == pictures(f"{folder}/whole")


def test_the_same_shard_twice_does_no_row_twice(folder):
    """As when a task is started again elsewhere while it still runs."""
    sheet = sheet_of(folder, 6, steps=4)
    rows = run_together(folder, [[sheet, "-o", "out", "--shard", "1/1"]] * 2)
    assert sorted(rows[0] + rows[1]) == list(range(1, 7)), rows


# --- the script for Slurm -------------------------------------------------------------

SCRIPT = pathlib.Path(__file__).parents[2] / "data" / "slurm" / "hidiffusion-batch.sbatch"


def start_task(folder, task, *arguments, **variables):
    """The script as a task of a job array: with Slurm's variables, and a scontrol that writes down what it is asked."""
    tools = pathlib.Path(folder) / "bin"
    if not tools.exists():
        tools.mkdir()
        (tools / "hidiffusion").symlink_to(PROGRAM)
        (tools / "scontrol").write_text(f'#!/bin/sh\necho "$@" >>{folder}/scontrol.log\n')
        (tools / "scontrol").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    environment |= {"PATH": f"{tools}:{environment['PATH']}", "SLURM_JOB_ID": str(70 + task), "SLURM_CPUS_ON_NODE": "1",
                    "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "4"} | variables
    return subprocess.Popen(["bash", SCRIPT, *arguments, "--model", MODEL], cwd=folder, text=True, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def asked_of_slurm(folder):
    log = pathlib.Path(folder) / "scontrol.log"
    return log.read_text().splitlines() if log.exists() else []


def process_of(task):
    """The process that a task's script waits for."""
    return int(pathlib.Path(f"/proc/{task.pid}/task/{task.pid}/children").read_text().split()[0])


def test_tasks_of_a_job_array_share_the_rows(folder):
    sheet = sheet_of(folder, 10, steps=1, size=64)
    for first, shards in ((1, {}), (5, {"SLURM_ARRAY_TASK_MIN": "5"})):
        output = f"from-{first}"
        tasks = [start_task(folder, first + i, sheet, "-o", output, **shards) for i in range(4)]
        rows = [made(task.communicate()[0]) for task in tasks]
        assert rows == [[1, 5, 9], [2, 6, 10], [3, 7], [4, 8]], rows
        assert [task.returncode for task in tasks] == [0] * 4 and len(pictures(f"{folder}/{output}")) == 10
    # One task that is started again by itself.
    os.remove(f"{folder}/from-1/picture-7.png")
    task = start_task(folder, 3, sheet, "-o", "from-1", SLURM_ARRAY_TASK_MIN="3", SLURM_ARRAY_TASK_COUNT="1",
                      HIDIFFUSION_SHARDS="4")
    assert made(task.communicate()[0]) == [7] and asked_of_slurm(folder) == []


def test_a_task_that_is_killed_requeues_itself(folder):
    sheet = sheet_of(folder, 12, steps=12)
    check_success(batch(folder, sheet, "-o", "whole", "--shard", "3/4"))
    for restarts, asked in (("3", []), ("0", ["requeue 73"])):
        task = start_task(folder, 3, sheet, "-o", f"out-{restarts}", SLURM_RESTART_COUNT=restarts)
        wait_for(lambda: os.path.exists(f"{folder}/out-{restarts}/picture-3.png"), "a picture")
        os.kill(process_of(task), signal.SIGKILL)
        output = task.communicate()[0]
        assert task.returncode == 137 and asked_of_slurm(folder) == asked, (task.returncode, asked_of_slurm(folder))
        again = made(start_task(folder, 3, sheet, "-o", f"out-{restarts}").communicate()[0])
        # It may have been killed before it could tell of its last picture.
        assert again and 3 not in again and not set(made(output)) & set(again), (output, again)
        assert pictures(f"{folder}/out-{restarts}") == pictures(f"{folder}/whole")


def test_a_task_that_slurm_ends_is_not_requeued(folder):
    sheet = sheet_of(folder, 8, steps=50)
    task = start_task(folder, 1, sheet, "-o", "out")
    wait_for(lambda: os.path.isdir(f"{folder}/out"), "the work to begin")
    task.send_signal(signal.SIGTERM)
    task.communicate()
    assert task.returncode == 128 + signal.SIGTERM and asked_of_slurm(folder) == [], task.returncode


main(globals())
