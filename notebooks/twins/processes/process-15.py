ours, theirs = multiprocessing.Pipe()
print(ours.poll(0))


def answer(line):
    line.send(line.recv().upper())


child = multiprocessing.Process(target=answer, args=(theirs,))
child.start()
ours.send("is anybody there?")
print(ours.recv())
child.join()
print(child.exitcode)
