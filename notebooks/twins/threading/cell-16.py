def draw(account, amount):
    account.draw(amount)


acct = Account("yyl", 1000)
for name in ("yxy", "ywu"):
    threading.Thread(name=name, target=draw, args=(acct, 800)).start()
