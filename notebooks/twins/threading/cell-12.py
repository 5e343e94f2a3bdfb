class Account:
    def __init__(self, account_no, balance):
        self.account_no = account_no
        self.balance = balance


# Two threads can both find the balance sufficient before either has lowered it.
def draw(account, amount):
    name = threading.current_thread().name
    if account.balance >= amount:
        print(name + " withdraw successful ： " + str(amount))
        time.sleep(0.001)
        account.balance -= amount
        print("\n Balance is : " + str(account.balance))
    else:
        print(name + " withdraw failed! insufficient balance!")
